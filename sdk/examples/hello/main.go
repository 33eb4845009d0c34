// Command backplane-provider-hello is a complete provider for a service that has
// a protocol of its own: POST /speak takes {"voice", "lines"} and answers {"said"}.
package main

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/backplane-dev/backplane/sdk"
	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/rest"
	"github.com/backplane-dev/backplane/sdk/schema"
)

func main() { sdk.Serve(hello{}) }

type hello struct{}

func (hello) Describe() provider.Manifest {
	return provider.Manifest{
		Name: "hello", Version: "0.1.0", Description: "Chat with the Hello service.",
		Operations: []provider.Operation{{Name: provider.OpChat, Modes: []provider.Mode{provider.ModeCall}}},
		Settings: schema.Object{Attributes: []schema.Attribute{
			{Name: "base_url", Type: schema.String, Default: "https://hello.example/v1", Description: "Address of the service."},
		}},
		Credential: provider.Credential{Env: []string{"HELLO_API_KEY"}, Required: true},
		Models:     provider.Models{Default: "hello-1", Patterns: []string{"hello-*"}},
	}
}

func (hello) Open(_ context.Context, cfg provider.EndpointConfig) (provider.Endpoint, error) {
	var settings struct {
		BaseURL string `json:"base_url"`
	}
	if err := cfg.Settings.Decode(&settings); err != nil {
		return nil, err
	}
	client, err := rest.New(rest.Options{BaseURL: settings.BaseURL})
	if err != nil { // shown to the operator at the line of the setting
		mistake := schema.Diagnostic{Path: "base_url", Summary: "Wrong address", Detail: err.Error()}
		return nil, &provider.ConfigError{Diagnostics: []schema.Diagnostic{mistake}}
	}
	return &endpoint{client, cfg.Credential}, nil
}

type endpoint struct {
	client *rest.Client
	key    provider.Secret
}

// Chat implements provider.Chatter: the canonical request in, the canonical answer out.
func (e *endpoint) Chat(ctx context.Context, req *provider.ChatRequest) (*provider.ChatResponse, error) {
	var lines []string
	for _, m := range req.Messages {
		lines = append(lines, m.Role+": "+m.Content.String())
	}
	body, err := json.Marshal(map[string]any{"voice": req.Model, "lines": lines})
	if err != nil {
		return nil, err
	}
	key := e.key
	if !req.Call.Credential.IsZero() {
		key = req.Call.Credential // the caller's own key, for this call only
	}
	header := http.Header{"Authorization": {"Bearer " + key.Reveal()}}
	resp, err := e.client.Do(ctx, &rest.Request{Path: "/speak", Header: header, Body: body})
	if err != nil {
		return nil, err // classified and without the key; the host decides whether to try again
	}
	data, err := resp.ReadAll()
	if err != nil {
		return nil, err
	}
	var answer struct{ Said *string }
	if err := json.Unmarshal(data, &answer); err != nil || answer.Said == nil {
		return nil, &provider.Error{Code: provider.CodeProtocol, Source: provider.SourceUpstream, Message: "the answer has no text"}
	}
	message := provider.ResponseMessage{Role: "assistant", Content: answer.Said}
	choice := provider.Choice{Message: message, FinishReason: "stop"}
	return &provider.ChatResponse{Choices: []provider.Choice{choice}, Meta: resp.Meta()}, nil
}

// Close implements io.Closer; it is called once no call uses the endpoint any more.
func (e *endpoint) Close() error {
	e.client.Close()
	return nil
}
