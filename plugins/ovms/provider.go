package main

import (
	"context"
	"net/http"
	"slices"

	"github.com/backplane-dev/backplane/sdk/openaicompat"
	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/schema"
)

// The operations beside the well-known ones.
const (
	opInfer          = "infer"
	opInferBinary    = "infer.binary"
	opPredict        = "predict"
	opModelMetadata  = "model.metadata"
	opModelStatus    = "model.status"
	opModelReady     = "model.ready"
	opServerLive     = "server.live"
	opServerReady    = "server.ready"
	opServerMetadata = "server.metadata"
	opServerMetrics  = "server.metrics"
	opConfigStatus   = "config.status"
	opConfigReload   = "config.reload"
)

// dialect is the part of the server that speaks OpenAI's, and how to reach it.
// All paths begin at the server's root, since it has three APIs there.
var dialect = openaicompat.Dialect{
	Name:        "ovms",
	Version:     "0.1.0",
	Description: "OpenVINO Model Server: inference on tensors, and chat, completions, embeddings and reranking.",
	Homepage:    "https://docs.openvino.ai/latest/openvino-workflow/model-server/ovms_what_is_openvino_model_server.html",
	License:     "Apache-2.0",
	BaseURL:     "http://localhost:8000",
	BaseURLEnv:  []string{"OVMS_API_URL"},
	Address:     serverRoot,
	Credential:  provider.Credential{Env: []string{"OVMS_API_KEY"}},
	Operations:  generativeOperations(),
	Classify:    classify,
}

// generativeOperations lie below /v3.
func generativeOperations() []openaicompat.Operation {
	ops := openaicompat.Standard(
		provider.OpChat, provider.OpCompletions, provider.OpResponses, provider.OpEmbeddings, provider.OpRerank, provider.OpModels,
		provider.OpImagesGenerate, provider.OpImagesEdit, provider.OpAudioSpeech, provider.OpAudioTranscription, provider.OpAudioTranslation,
	)
	for i := range ops {
		ops[i].Path = "/v3" + ops[i].Path
		if ops[i].Name == provider.OpImagesGenerate { // the server does not stream images
			ops[i].Modes = []provider.Mode{provider.ModeCall}
		}
	}
	call := []provider.Mode{provider.ModeCall}
	return append(ops,
		openaicompat.Operation{Name: "tokenize", Modes: call, Path: "/v3/tokenize", Description: "Turns a text into the numbers of its tokens."},
		openaicompat.Operation{
			Name: opServerMetrics, Modes: call, Method: http.MethodGet, Path: "/metrics", NoModel: true, Raw: true,
			Description: "Counters of the server in Prometheus's text form.",
		},
	)
}

// tensorOperations are this package's own.
var tensorOperations = []provider.Operation{
	{Name: opInfer, Modes: []provider.Mode{provider.ModeCall}, Description: "Runs a model on tensors given as JSON."},
	{Name: opInferBinary, Modes: []provider.Mode{provider.ModeTransfer}, Description: "Runs a model on tensors given as bytes."},
	{Name: opPredict, Modes: []provider.Mode{provider.ModeCall}, Description: "Runs a model through the TensorFlow Serving API of servers before 2026.3."},
	{Name: opModelMetadata, Modes: []provider.Mode{provider.ModeCall}, Description: "Inputs, outputs and versions of a model."},
	{Name: opModelStatus, Modes: []provider.Mode{provider.ModeCall}, Description: "States of a model's versions."},
	{Name: opModelReady, Modes: []provider.Mode{provider.ModeCall}, Description: "Whether a model can be used now."},
	{Name: opServerLive, Modes: []provider.Mode{provider.ModeCall}, Description: "Whether the server runs."},
	{Name: opServerReady, Modes: []provider.Mode{provider.ModeCall}, Description: "Whether all models can be used now."},
	{Name: opServerMetadata, Modes: []provider.Mode{provider.ModeCall}, Description: "Name and version of the server."},
	{Name: opConfigStatus, Modes: []provider.Mode{provider.ModeCall}, Description: "States of all models of the server's configuration."},
	{Name: opConfigReload, Modes: []provider.Mode{provider.ModeCall}, Unsafe: true, Description: "Makes the server read its configuration again."},
}

// New makes the provider.
func New() provider.Provider { return ovms{generative: openaicompat.New(dialect)} }

type ovms struct{ generative provider.Provider }

// connection is the dialect with the settings of the plugin's own operations.
func connection() openaicompat.Dialect {
	d := dialect
	d.Settings = settings
	return d
}

// Describe implements [provider.Provider].
func (o ovms) Describe() provider.Manifest {
	m := o.generative.Describe()
	m.Operations = append(slices.Clone(m.Operations), tensorOperations...)
	m.Settings = connection().Schema()
	describeAddress(&m.Settings)
	return m
}

// describeAddress says what is particular about the address.
func describeAddress(o *schema.Object) {
	for i := range o.Attributes {
		if o.Attributes[i].Name == "base_url" {
			o.Attributes[i].Description = "Address of the server, as its --rest_port has it; /v1, /v2 or /v3 at the end counts for nothing."
		}
	}
}

// Open implements [provider.Provider].
func (o ovms) Open(ctx context.Context, cfg provider.EndpointConfig) (provider.Endpoint, error) {
	conn, err := connection().Connect(cfg)
	if err != nil {
		return nil, err
	}
	e := &endpoint{Connection: *conn, model: cfg.Model}
	if err := conn.Own.Decode(&e.own); err != nil {
		return nil, err
	}
	if err := e.own.check(); err != nil {
		return nil, err
	}
	if cfg.Settings, err = generativeSettings(cfg.Settings); err != nil {
		return nil, err
	}
	inner, err := o.generative.Open(ctx, cfg)
	if err != nil {
		return nil, err
	}
	e.generative = inner.(generative) // what openaicompat makes is all of it
	return e, nil
}
