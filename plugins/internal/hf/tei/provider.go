package tei

import (
	"context"

	"github.com/backplane-dev/backplane/plugins/internal/hf"
	"github.com/backplane-dev/backplane/sdk/openaicompat"
	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/schema"
)

// localURL is where a server of one's own listens unless told otherwise.
const localURL = "http://localhost:8080"

// Options say which plugin the provider is part of.
type Options struct {
	Name, Version, Description string
	// Hosted adds models that are hosted, each at a path of its own.
	Hosted bool
}

// ownSettings are those beside the dialect's.
var ownSettings = []schema.Attribute{
	{
		Name: "max_batch_size", Type: schema.Int, Default: 0, Min: schema.Bound(0),
		Description: "Inputs that the server takes in one request; longer lists are sent in parts. 0 asks the server, for each list of more than 32.",
	},
}

type settings struct {
	MaxBatchSize int  `json:"max_batch_size"`
	Hosted       bool `json:"hosted"`
}

// New makes the provider.
func New(o Options) provider.Provider {
	own := ownSettings
	if o.Hosted {
		own = append([]schema.Attribute{hostedSetting}, own...)
	}
	return &tei{options: o, own: own, dialect: openaicompat.Dialect{
		Name: o.Name, Version: o.Version, BaseURL: localURL, Address: hf.WithoutVersion,
		Classify: hf.Classify, ClassifyBody: hf.ClassifyBody,
	}}
}

type tei struct {
	options Options
	own     []schema.Attribute
	dialect openaicompat.Dialect
}

// Describe implements [provider.Provider].
func (p *tei) Describe() provider.Manifest {
	m := provider.Manifest{
		Name: p.options.Name, Version: p.options.Version, Description: p.options.Description,
		Homepage: "https://huggingface.co/docs/text-embeddings-inference", License: "Apache-2.0",
		Operations: []provider.Operation{
			operation(provider.OpEmbeddings, "Turns texts into vectors."),
			operation(provider.OpRerank, "Orders documents by their relevance to a query."),
			operation(provider.OpModels, "Lists the model that the server was started with."),
		},
		Settings:   hf.WithOwn(p.dialect.Schema(), p.own...),
		Credential: hf.Credential,
	}
	for _, n := range natives {
		m.Operations = append(m.Operations, operation(n.name, n.what))
	}
	if p.options.Hosted {
		m.Operations = append(m.Operations, operation(opModelInfo, "Describes the model, with the length of its vectors."))
	}
	return m
}

func operation(name, what string) provider.Operation {
	return provider.Operation{Name: name, Modes: []provider.Mode{provider.ModeCall}, Description: what}
}

// Open implements [provider.Provider].
func (p *tei) Open(_ context.Context, cfg provider.EndpointConfig) (provider.Endpoint, error) {
	var s settings
	var err error
	if cfg.Settings, err = hf.Split(cfg.Settings, &s, p.own...); err != nil {
		return nil, err
	}
	conn, err := hf.Connect(p.dialect, cfg)
	if err != nil {
		return nil, err
	}
	return &endpoint{Conn: conn, maxBatch: s.MaxBatchSize, hosted: s.Hosted, model: cfg.Model}, nil
}

// endpoint is an opened endpoint. It does not change once made.
type endpoint struct {
	*hf.Conn
	maxBatch int // 0 asks the server
	hosted   bool
	model    string
}

// Test implements [provider.Tester].
func (e *endpoint) Test(ctx context.Context, req *provider.Request) error {
	if e.hosted {
		return hf.Untestable()
	}
	return e.Alive(ctx, req)
}
