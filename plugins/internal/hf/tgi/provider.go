package tgi

import (
	"context"
	"io"
	"slices"

	"github.com/backplane-dev/backplane/plugins/internal/hf"
	"github.com/backplane-dev/backplane/plugins/internal/hf/prompt"
	"github.com/backplane-dev/backplane/sdk/openaicompat"
	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/schema"
)

// OpGenerate is the server's own protocol.
const OpGenerate = "generate"

// Options say which plugin the provider is part of.
type Options struct{ Name, Version, Description string }

// byServer as chat_template leaves the prompt to the server.
const byServer = "server"

// ownSettings are those beside the dialect's.
var ownSettings = []schema.Attribute{
	{
		Name: "hosted", Type: schema.Bool, Default: false,
		Description: "Each model lies at a path of its own, {base_url}/{owner}/{model}, as at Hugging Face. Only chat, completions and generate are there.",
	},
	{
		Name: "chat_template", Type: schema.String, Default: byServer, OneOf: append([]string{byServer, prompt.Auto}, prompt.Names()...),
		Description: "What makes a prompt of a conversation: the server, by the model's own template, or the plugin, by this one (auto: by the model's name) and with generate.",
	},
}

type settings struct {
	Hosted       bool   `json:"hosted"`
	ChatTemplate string `json:"chat_template"`
}

// New makes the provider.
func New(o Options) provider.Provider {
	p := &tgi{dialect: dialect(o), server: openaicompat.New(dialect(o)), hosted: openaicompat.New(hosted(o))}
	p.manifest = p.server.Describe()
	p.manifest.Settings = hf.WithOwn(p.manifest.Settings, ownSettings...)
	p.manifest.Operations = slices.Insert(slices.Clone(p.manifest.Operations), 2, provider.Operation{
		Name: OpGenerate, Modes: []provider.Mode{provider.ModeCall, provider.ModeStream},
		Description: "Continues a text by the server's own protocol.",
	})
	return p
}

type tgi struct {
	dialect        openaicompat.Dialect
	manifest       provider.Manifest
	server, hosted provider.Provider
}

// Describe implements [provider.Provider].
func (p *tgi) Describe() provider.Manifest { return p.manifest }

// Open implements [provider.Provider].
func (p *tgi) Open(ctx context.Context, cfg provider.EndpointConfig) (provider.Endpoint, error) {
	var s settings
	var err error
	if cfg.Settings, err = hf.Split(cfg.Settings, &s, ownSettings...); err != nil {
		return nil, err
	}
	conn, err := hf.Connect(p.dialect, cfg)
	if err != nil {
		return nil, err
	}
	of := p.server
	if s.Hosted {
		of = p.hosted
	}
	opened, err := of.Open(ctx, cfg)
	if err != nil {
		return nil, err
	}
	e := &endpoint{messages: opened.(messages), conn: conn, settings: s, model: cfg.Model}
	if s.ChatTemplate != byServer {
		return &promptEndpoint{e}, nil
	}
	return e, nil
}

// messages is what an endpoint of the dialect can do.
type messages interface {
	provider.Caller
	provider.Streamer
	io.Closer
}

// endpoint is an opened endpoint. It does not change once made.
type endpoint struct {
	messages
	conn     *hf.Conn
	settings settings
	model    string
}

// Close implements [io.Closer].
func (e *endpoint) Close() error {
	_ = e.conn.Close() // it only gives back idle connections
	return e.messages.Close()
}

// Call implements [provider.Caller].
func (e *endpoint) Call(ctx context.Context, req *provider.Request) (*provider.Response, error) {
	if req.Operation == OpGenerate {
		return e.generate(ctx, req)
	}
	return e.messages.Call(ctx, req)
}

// Stream implements [provider.Streamer].
func (e *endpoint) Stream(ctx context.Context, req *provider.Request, out provider.Sink) (provider.Finish, error) {
	if req.Operation == OpGenerate {
		return e.streamGenerate(ctx, req, out)
	}
	return e.messages.Stream(ctx, req, out)
}

// Test implements [provider.Tester].
func (e *endpoint) Test(ctx context.Context, req *provider.Request) error {
	if e.settings.Hosted {
		return hf.Untestable()
	}
	return e.conn.Alive(ctx, req)
}
