package openaicompat

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/rest"
)

// New makes the provider that the dialect describes. It panics if the dialect
// has no name, names an operation twice or has a setting that goes nowhere:
// mistakes of its author that no configuration can mend.
func New(d Dialect) provider.Provider {
	p := &compatible{dialect: d, operations: map[string]*Operation{}}
	if d.Name == "" {
		panic("openaicompat: the dialect has no name")
	}
	p.manifest = d.manifest()
	for i := range d.Operations {
		op := &d.Operations[i]
		if _, twice := p.operations[op.Name]; twice {
			panic(fmt.Sprintf("openaicompat: operation %q is there twice", op.Name))
		}
		p.operations[op.Name] = op
	}
	for _, s := range d.Settings {
		if s.Header == "" && s.Field == "" && s.Query == "" {
			panic(fmt.Sprintf("openaicompat: setting %q goes nowhere; give Header, Field or Query", s.Name))
		}
	}
	if err := p.manifest.Settings.Validate(); err != nil {
		panic("openaicompat: " + err.Error())
	}
	return p
}

// compatible implements [provider.Provider]. It does not change once made.
type compatible struct {
	dialect    Dialect
	manifest   provider.Manifest
	operations map[string]*Operation
}

// Describe implements [provider.Provider].
func (p *compatible) Describe() provider.Manifest { return p.manifest }

// Open implements [provider.Provider].
func (p *compatible) Open(_ context.Context, cfg provider.EndpointConfig) (provider.Endpoint, error) {
	s, err := p.dialect.decode(cfg.Settings)
	if err != nil {
		return nil, err
	}
	client, err := rest.New(p.dialect.options(s))
	if err != nil {
		return nil, fmt.Errorf("open endpoint: %w", err)
	}
	root, err := p.rootClient(client, s)
	if err != nil {
		return nil, fmt.Errorf("open endpoint: %w", err)
	}
	return &endpoint{
		provider: p,
		client:   client,
		root:     root,
		header:   p.dialect.header(s, cfg.Credential),
		names:    p.dialect.headerNames(),
		query:    p.dialect.query(s),
		fields:   p.dialect.fields(s),
		model:    cfg.Model,
		key:      !cfg.Credential.IsZero(),
	}, nil
}

func (d *Dialect) manifest() provider.Manifest {
	m := provider.Manifest{
		Name:           d.Name,
		Version:        d.Version,
		Description:    d.Description,
		Homepage:       d.Homepage,
		License:        d.License,
		Settings:       d.schema(),
		Credential:     d.Credential,
		Models:         d.Models,
		ForwardHeaders: slices.Clone(d.ForwardHeaders),
		Limits:         d.Limits,
	}
	for _, op := range d.Operations {
		m.Operations = append(m.Operations, provider.Operation{
			Name: op.Name, Modes: op.Modes, Unsafe: op.Unsafe, Model: op.Model, Description: op.Description,
		})
	}
	return m
}

// method returns the operation's HTTP method.
func (op *Operation) method() string {
	if op.Method == "" {
		return http.MethodPost
	}
	return op.Method
}

// hasBody reports whether the operation's request has a body.
func (op *Operation) hasBody() bool {
	m := op.method()
	return m != http.MethodGet && m != http.MethodDelete && m != http.MethodHead
}

func (op *Operation) has(mode provider.Mode) bool { return slices.Contains(op.Modes, mode) }
