package tei

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/backplane-dev/backplane/plugins/internal/hf"
	"github.com/backplane-dev/backplane/sdk/openaicompat"
	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/rest"
	"github.com/backplane-dev/backplane/sdk/schema"
)

// opModelInfo tells of a model, hosted or not.
const opModelInfo = "model.info"

// hostedSetting is there if [Options.Hosted] is.
var hostedSetting = schema.Attribute{
	Name: "hosted", Type: schema.Bool, Default: false,
	Description: "Each model lies at a path of its own, {base_url}/{owner}/{model}, as at Hugging Face. Only embeddings, embed, similarity and model.info are there.",
}

// pipelines are the paths below a hosted model's, by the server's own.
var pipelines = map[string]string{
	"/embed":      "/pipeline/feature-extraction",
	"/similarity": "/pipeline/sentence-similarity",
}

// place is where a request of one of the server's own paths goes. The model of a
// hosted one is the request's, or the one that its body names.
func (e *endpoint) place(req *provider.Request, path, named string) (string, error) {
	if !e.hosted {
		return path, nil
	}
	pipeline, there := pipelines[path]
	if !there {
		return "", e.unhosted(req.Operation)
	}
	for _, model := range []string{req.Model, named, e.model} {
		if model != "" {
			below, err := openaicompat.ModelPath(model)
			return below + pipeline, err
		}
	}
	return "", hf.Invalid("model", `name the model, such as "owner/model", in the request or in the endpoint`)
}

// unhosted is the error for what hosted models do not have.
func (e *endpoint) unhosted(operation string) error {
	return provider.Unsupported(operation, "embeddings (call), embed (call), similarity (call), model.info (call): the model is hosted")
}

// hostedVectors asks a hosted model. It is given a list always: the answer to a
// lone text has another form.
func (e *endpoint) hostedVectors(ctx context.Context, req *provider.EmbeddingRequest, in provider.EmbeddingInput) ([][]float32, provider.Meta, error) {
	if in.Tokens != nil {
		return nil, provider.Meta{}, hf.Invalid("input", `field "input" must be a text or texts: hosted models take no token numbers`)
	}
	if req.Dimensions != nil {
		return nil, provider.Meta{}, hf.Invalid("dimensions", `field "dimensions" is not taken by hosted models; leave it out`)
	}
	in.Single = false
	return e.ownVectors(ctx, req, in)
}

// modelInfo tells of the model: what the server says of it, and the length of
// its vectors, which only a vector tells.
func (e *endpoint) modelInfo(ctx context.Context, req *provider.Request) (*provider.Response, error) {
	f, err := hf.ReadFields(req.Body)
	if err != nil {
		return nil, err
	}
	model := req.Model
	for _, other := range []string{f.Text("model"), e.model} {
		if model == "" {
			model = other
		}
	}
	about := map[string]any{"model_id": model}
	var out provider.Response
	if !e.hosted {
		if out.Meta, err = e.about(ctx, req, about); err != nil {
			return nil, err
		}
	}
	path, err := e.place(req, "/embed", model)
	if err != nil {
		return nil, err
	}
	var vectors [][]float32
	meta, err := e.post(ctx, req, path, map[string]any{"inputs": []string{"a"}}, &vectors)
	var failure *provider.Error
	switch {
	case err == nil && len(vectors) == 1:
		about["dimensions"] = len(vectors[0])
		out.Meta = meta
	case errors.As(err, &failure) && failure.Code == provider.CodeUnsupported: // a model that makes no vectors
	case err == nil:
		return nil, hf.Protocol("the server gave %d vectors for one text", len(vectors))
	default:
		return nil, err
	}
	out.Body, err = json.Marshal(about)
	return &out, err
}

// about adds what the server tells of its model.
func (e *endpoint) about(ctx context.Context, req *provider.Request, to map[string]any) (provider.Meta, error) {
	resp, err := e.Do(ctx, req, &rest.Request{Method: http.MethodGet, Path: "/info"})
	if err != nil {
		return provider.Meta{}, err
	}
	data, err := resp.ReadAll()
	if err != nil {
		return provider.Meta{}, err
	}
	var told map[string]json.RawMessage
	if err := json.Unmarshal(data, &told); err != nil || told == nil {
		return provider.Meta{}, resp.Unexpected(data, "what the server tells of itself")
	}
	for name, value := range told {
		to[name] = value
	}
	return resp.Meta(), nil
}
