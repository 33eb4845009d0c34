package tgi

import (
	"encoding/json"

	"github.com/backplane-dev/backplane/plugins/internal/hf"
	"github.com/backplane-dev/backplane/sdk/openaicompat"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// localURL is where a server of one's own listens unless told otherwise.
const localURL = "http://localhost:8080"

// baseModel is the name that the server takes for the model that it was started
// with; it takes any other for the name of an adapter.
const baseModel = "tgi"

// dialect is what a server of one's own has in common with OpenAI's, and its own
// operations that are a body in and a body out.
func dialect(o Options) openaicompat.Dialect {
	return openaicompat.Dialect{
		Name: o.Name, Version: o.Version, Description: o.Description,
		Homepage: "https://huggingface.co/docs/text-generation-inference", License: "Apache-2.0",
		BaseURL: localURL, Address: hf.WithoutVersion,
		Credential: hf.Credential, RequestIDHeader: hf.RequestIDHeader,
		Models:   provider.Models{Default: baseModel, Patterns: []string{baseModel}},
		Classify: hf.Classify, ClassifyBody: hf.ClassifyBody,
		Operations: append([]openaicompat.Operation{chat(), completions()}, native()...),
	}
}

// hosted is the dialect of models that each have a path of their own: the server
// behind them is the same, but what is not about one model is not there.
func hosted(o Options) openaicompat.Dialect {
	d := dialect(o)
	d.Models = provider.Models{}
	d.Operations = []openaicompat.Operation{chat(), completions()}
	for i := range d.Operations {
		d.Operations[i].UnderModel = true
	}
	return d
}

func chat() openaicompat.Operation {
	op := openaicompat.Standard(provider.OpChat)[0]
	op.Path, op.Rename, op.Request = "/v1/chat/completions", renamed, chatRequest
	op.Description = "Answers a conversation by the model's own template."
	return op
}

// completions has no stream_options: the last chunk has the usage unasked.
func completions() openaicompat.Operation {
	op := openaicompat.Standard(provider.OpCompletions)[0]
	op.Path, op.Rename, op.Request, op.StreamUsage = "/v1/completions", renamed, completionRequest, false
	return op
}

// listOfModels makes a list of what was one model in releases that followed the
// description.
func listOfModels(out *provider.Response) error {
	var answer struct {
		ID   string          `json:"id"`
		Data json.RawMessage `json:"data"`
	}
	err := json.Unmarshal(out.Body, &answer)
	switch {
	case err != nil, answer.ID == "" && answer.Data == nil:
		return hf.Protocol("the service's answer is no list of models")
	case answer.Data != nil:
		return nil
	}
	out.Body, err = json.Marshal(map[string]any{"object": "list", "data": []json.RawMessage{out.Body}})
	return err
}
