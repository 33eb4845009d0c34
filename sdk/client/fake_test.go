package client_test

import (
	"context"
	"testing"

	"github.com/backplane-dev/backplane/sdk/client"
	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/schema"
)

// fake is a scripted provider: every function may be nil. It declares the
// well-known operations in all modes that any test needs.
type fake struct {
	manifest provider.Manifest
	open     func(provider.EndpointConfig) (provider.Endpoint, error)
}

func (f *fake) Describe() provider.Manifest {
	m := f.manifest
	if m.Name == "" {
		m.Name, m.Version = "fake", "1.2.3"
	}
	if m.Operations == nil {
		all := []provider.Mode{provider.ModeCall, provider.ModeStream, provider.ModeTransfer}
		for _, name := range []string{provider.OpChat, provider.OpEmbeddings, provider.OpRerank, provider.OpModels, "files.upload"} {
			m.Operations = append(m.Operations, provider.Operation{Name: name, Modes: all})
		}
	}
	return m
}

func (f *fake) Open(_ context.Context, cfg provider.EndpointConfig) (provider.Endpoint, error) {
	return f.open(cfg)
}

// serving is a provider whose endpoints are all ep.
func serving(ep provider.Endpoint) *fake {
	return &fake{open: func(provider.EndpointConfig) (provider.Endpoint, error) { return ep, nil }}
}

// caller and its kin make endpoints of functions.
type caller func(context.Context, *provider.Request) (*provider.Response, error)

func (f caller) Call(ctx context.Context, req *provider.Request) (*provider.Response, error) {
	return f(ctx, req)
}

type streamer func(context.Context, *provider.Request, provider.Sink) (provider.Finish, error)

func (f streamer) Stream(ctx context.Context, req *provider.Request, out provider.Sink) (provider.Finish, error) {
	return f(ctx, req, out)
}

type transferer func(context.Context, *provider.TransferRequest, provider.TransferSink) (provider.Finish, error)

func (f transferer) Transfer(ctx context.Context, req *provider.TransferRequest, out provider.TransferSink) (provider.Finish, error) {
	return f(ctx, req, out)
}

// opened serves ep and opens it as "e" with the key "sk-endpoint-key".
func opened(t testing.TB, ep provider.Endpoint) *client.Conn {
	t.Helper()
	conn := dial(t, serving(ep))
	open(t, conn, provider.EndpointConfig{ID: "e", Revision: 1, Credential: provider.NewSecret("sk-endpoint-key")})
	return conn
}

func open(t testing.TB, conn *client.Conn, cfg provider.EndpointConfig) {
	t.Helper()
	diags, err := conn.OpenEndpoint(context.Background(), cfg)
	if err != nil || schema.HasErrors(diags) {
		t.Fatalf("open endpoint: %v, %v", err, diags)
	}
}

func chatRequest() *provider.Request {
	return &provider.Request{Endpoint: "e", Revision: 1, Operation: provider.OpChat, Model: "m", RequestID: "r-1",
		Attempt: 1, Body: []byte(`{"messages":[{"role":"user","content":"hi"}]}`)}
}
