package hf

import (
	"context"
	"net/http"
	"strings"

	"github.com/backplane-dev/backplane/sdk/openaicompat"
	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/rest"
)

// RequestIDHeader takes our request id; proxies in front of the servers log it.
const RequestIDHeader = "X-Request-Id"

// Credential is the key of both services. Servers of one's own run without.
var Credential = provider.Credential{Env: []string{"HF_TOKEN", "HF_API_KEY"}}

// WithoutVersion takes addresses as they are written for OpenAI's clients too.
func WithoutVersion(address string) string {
	return strings.TrimSuffix(strings.TrimRight(address, "/"), "/v1")
}

// Conn sends requests that the provider made itself.
type Conn struct{ openaicompat.Connection }

// Connect makes a connection of an endpoint's settings.
func Connect(d openaicompat.Dialect, cfg provider.EndpointConfig) (*Conn, error) {
	conn, err := d.Connect(cfg)
	if err != nil {
		return nil, err
	}
	return &Conn{*conn}, nil
}

// Close implements [io.Closer].
func (c *Conn) Close() error {
	c.Client.Close()
	return nil
}

// Do sends one request for the caller's and waits for the header of the answer.
func (c *Conn) Do(ctx context.Context, req *provider.Request, out *rest.Request) (*rest.Response, error) {
	out.Header = c.headers(req)
	out.Query = c.Query
	if out.Accept == "" {
		out.Accept = rest.TypeJSON
	}
	return c.Client.Do(ctx, out)
}

// headers returns the headers of one request, with the caller's own key if it
// has one.
func (c *Conn) headers(req *provider.Request) http.Header {
	h := c.Header.Clone()
	if !req.Credential.IsZero() {
		h.Set("Authorization", "Bearer "+req.Credential.Reveal())
	}
	if fitsHeader(req.RequestID) {
		h.Set(RequestIDHeader, req.RequestID)
	}
	return h
}

// fitsHeader reports whether the id is visible ASCII of a reasonable length.
func fitsHeader(id string) bool {
	const longest = 512
	for i := range len(id) {
		if id[i] <= ' ' || id[i] > '~' {
			return false
		}
	}
	return id != "" && len(id) <= longest
}

// Alive asks for the server's health, which costs nothing and needs no key.
func (c *Conn) Alive(ctx context.Context, req *provider.Request) error {
	resp, err := c.Do(ctx, req, &rest.Request{Method: http.MethodGet, Path: "/health"})
	if err != nil {
		return err
	}
	_, err = resp.ReadAll()
	return err
}

// Untestable answers who wants to test an endpoint of hosted models.
func Untestable() error {
	return provider.Errorf(provider.CodeUnsupported, "hosted models have no call that costs nothing to test them with")
}
