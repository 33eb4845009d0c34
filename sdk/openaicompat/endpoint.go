package openaicompat

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/rest"
)

// endpoint is an opened endpoint. It does not change once made, but for the name
// of the last model.
type endpoint struct {
	provider *compatible
	client   *rest.Client
	root     *rest.Client // for operations beside the version, see rootOf
	header   http.Header  // of all requests, with the endpoint's key
	names    headerNames  // of headers that differ between calls
	models   modelNames
	query    url.Values // of all requests
	fields   []field
	model    string
	key      bool // the endpoint has a key
}

// Close implements [io.Closer].
func (e *endpoint) Close() error {
	e.client.Close()
	e.root.Close()
	return nil
}

// operation finds the operation and checks that a call of it can succeed.
func (e *endpoint) operation(req *provider.Request, mode provider.Mode) (*Operation, error) {
	op, ok := e.provider.operations[req.Operation]
	if !ok || !op.has(mode) {
		return nil, provider.Unsupported(req.Operation, "")
	}
	if err := e.checkKey(req); err != nil {
		return nil, err
	}
	return op, nil
}

// checkKey answers before the service would, in words that say what to do.
func (e *endpoint) checkKey(req *provider.Request) error {
	want := e.provider.dialect.Credential
	if e.key || !req.Credential.IsZero() || !want.Required {
		return nil
	}
	hint := "set api_key in the endpoint"
	if len(want.Env) > 0 {
		hint += " or the environment variable " + strings.Join(want.Env, " or ")
	}
	return provider.Errorf(provider.CodeAuth, "no key for %s; %s", e.provider.dialect.Name, hint)
}

// fitsRequestID reports whether services accept the id: OpenAI refuses those
// over 512 bytes or with other characters than visible ASCII.
func fitsRequestID(id string) bool {
	for i := range len(id) {
		if id[i] <= ' ' || id[i] > '~' {
			return false
		}
	}
	return id != "" && len(id) <= 512
}

// sent is a request with the values of the headers that it adds to the endpoint's,
// in one piece of memory.
type sent struct {
	rest.Request
	values [room]string
}

// send makes the operation's request of the caller's and sends it.
func (e *endpoint) send(ctx context.Context, op *Operation, req *provider.Request, edit *edit, accept string) (*rest.Response, error) {
	out := &sent{Request: rest.Request{Method: op.method(), Path: op.Path, Query: e.query, Accept: accept}}
	out.Header = e.headers(req, callHeader{space: edit.lent(), values: out.values[:0]})
	if err := e.fill(&out.Request, op, req, edit); err != nil {
		return nil, err
	}
	return e.clientOf(op).Do(ctx, &out.Request)
}

// fill sets path, query and body.
func (e *endpoint) fill(out *rest.Request, op *Operation, req *provider.Request, edit *edit) error {
	body, err := e.provider.dialect.requestBody(op, req.Body)
	if err != nil {
		return err
	}
	used, err := fillPath(out, op, body)
	if err != nil {
		return err
	}
	if op.UnderModel {
		path, err := e.modelPath(op, req.Model, body)
		if err != nil {
			return err
		}
		out.Path = path + out.Path
	}
	if !op.hasBody() {
		return fillQuery(out, body, used)
	}
	edit.remove(used)
	if len(used) > 0 || op.NoModel {
		body, err = edit.parameters(body)
	} else {
		body, err = edit.apply(body)
	}
	out.Body = body
	return err
}

// meta returns what the header of an answer reports.
func (e *endpoint) meta(resp *rest.Response) provider.Meta {
	meta := resp.Meta()
	for _, name := range e.names.returned {
		values := resp.Header[name.canonical]
		if len(values) == 0 || values[0] == "" {
			continue
		}
		if meta.Header == nil {
			meta.Header = make(map[string]string, len(e.names.returned))
		}
		meta.Header[name.given] = values[0]
	}
	return meta
}
