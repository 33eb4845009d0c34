package wire

import (
	"context"
	"errors"
	"fmt"
	"strings"

	pb "github.com/backplane-dev/backplane/sdk/internal/providerpb"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// call is one call of an endpoint in any mode, from its admission to its end.
type call struct {
	*handle
	server   *Server
	req      *provider.Request
	mode     provider.Mode // "" is a test of the endpoint
	manifest *provider.Manifest
	// guard hides the call's own credential too.
	guard guard
}

// begin admits a call: it finds the endpoint and checks that operation and body
// are within what the manifest declares. c has server, req and mode. end must
// follow if there is no error.
func (c *call) begin() error {
	// Counted before the flag is read: whoever drains sees either the count or
	// a refusal.
	c.server.inFlight.Add(1)
	if err := c.admit(); err != nil {
		c.server.inFlight.Add(-1)
		return c.server.guard.status(err)
	}
	return nil
}

func (c *call) admit() (err error) {
	s, req := c.server, c.req
	if s.draining.Load() {
		return provider.Errorf(provider.CodePluginUnavailable, "the plugin is draining and takes no new calls")
	}
	if c.manifest, err = s.describe(); err != nil {
		return err
	}
	if limit := orDefault(c.manifest.Limits.MaxRequestBytes, DefaultMaxRequest); int64(len(req.Body)) > limit {
		return provider.Errorf(provider.CodeTooLarge, "the body has %d bytes, the limit is %d", len(req.Body), limit)
	}
	if c.handle, err = s.endpoints.acquire(req.Endpoint, req.Revision); err != nil {
		return err
	}
	c.guard = c.handle.guard
	c.guard.own = req.Credential
	op, declared := c.manifest.Operation(req.Operation)
	if c.mode != "" && (!declared || !op.Has(c.mode) || !implements(c.endpoint, req.Operation, c.mode)) {
		c.release()
		return c.unsupported()
	}
	return nil
}

// end gives back what begin took.
func (c *call) end() {
	c.releaseSoon()
	c.server.inFlight.Add(-1)
}

func (c *call) unsupported() error {
	return provider.Unsupported(c.req.Operation, offered(c.manifest, c.endpoint))
}

// offered says what an endpoint can do: "chat (call, stream), embeddings (call)".
func offered(m *provider.Manifest, endpoint provider.Endpoint) string {
	var ops []string
	for _, op := range m.Operations {
		var modes []string
		for _, mode := range op.Modes {
			if implements(endpoint, op.Name, mode) {
				modes = append(modes, string(mode))
			}
		}
		if len(modes) > 0 {
			ops = append(ops, fmt.Sprintf("%s (%s)", op.Name, strings.Join(modes, ", ")))
		}
	}
	return strings.Join(ops, ", ")
}

// result turns what the author's code returned into the status to send.
func (c *call) result(a *attempt, err error) error {
	if err == nil || a.Err() == nil || !vague(err) {
		return c.guard.status(err)
	}
	if limit := a.expired(); limit != nil {
		return c.guard.status(&provider.Error{Code: limit.Code, Message: limit.Message, Source: limit.Source, Cause: err})
	}
	return c.guard.status(provider.AsError(a.Err()))
}

// vague reports whether err, returned after the context ended, says no more
// than that: it carries no class of its own, or one that means the same.
func vague(err error) bool {
	var e *provider.Error
	return !errors.As(err, &e) || e.Code == provider.CodeCanceled || e.Code == provider.CodeTimeout
}

// Call implements ProviderService.
func (s *Server) Call(ctx context.Context, in *pb.CallRequest) (*pb.CallResponse, error) {
	res, err := s.call(ctx, FromEnvelope(in.GetEnvelope(), in.GetBody()))
	if err != nil {
		return nil, err
	}
	return ToResponse(res), nil
}

// call answers a call of mode "call", however it came. Errors are statuses.
func (s *Server) call(ctx context.Context, req *provider.Request) (*provider.Response, error) {
	c := call{server: s, req: req, mode: provider.ModeCall}
	if err := c.begin(); err != nil {
		return nil, err
	}
	defer c.end()
	a := c.attempt(ctx)
	defer a.finish()
	var res *provider.Response
	err := c.guard.run(func() (err error) {
		res, err = c.answer(a)
		return err
	})
	a.arrived() // from here on the limit must not come between the answer and its way
	if err == nil {
		err = a.inTime()
	}
	if err == nil {
		err = c.checkResponse(res)
	}
	if err := c.result(a, err); err != nil {
		return nil, err
	}
	return res, nil
}

func (c *call) checkResponse(res *provider.Response) error {
	if res == nil {
		return provider.Errorf(provider.CodeInternal, "the plugin returned neither an answer nor an error")
	}
	limit := orDefault(c.manifest.Limits.MaxResponseBytes, DefaultMaxResponse)
	if int64(len(res.Body)) > limit {
		return provider.Errorf(provider.CodeTooLarge, "the answer has %d bytes, the limit is %d", len(res.Body), limit)
	}
	return nil
}

// TestEndpoint implements ProviderService.
func (s *Server) TestEndpoint(ctx context.Context, in *pb.TestEndpointRequest) (*pb.TestEndpointResponse, error) {
	c := call{server: s, req: FromEnvelope(in.GetEnvelope(), nil)}
	if err := c.begin(); err != nil {
		return nil, err
	}
	defer c.end()
	a := c.attempt(ctx)
	defer a.finish()
	err := c.guard.run(func() error { return c.test(a) })
	if err := c.result(a, err); err != nil {
		return nil, err
	}
	return &pb.TestEndpointResponse{}, nil
}

// test asks the endpoint itself, else for its models, else nothing.
func (c *call) test(ctx context.Context) error {
	if ep, ok := c.endpoint.(provider.Tester); ok {
		return ep.Test(ctx, c.req)
	}
	op, declared := c.manifest.Operation(provider.OpModels)
	if !declared || !op.Has(provider.ModeCall) || !implements(c.endpoint, provider.OpModels, provider.ModeCall) {
		return nil
	}
	c.req.Operation = provider.OpModels
	_, err := c.answer(ctx)
	return err
}

func orDefault(v, def int64) int64 {
	if v > 0 {
		return v
	}
	return def
}
