package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/providertest"
)

func TestConformance(t *testing.T) {
	providertest.Run(t, providertest.Harness{New: New, Profile: profile()})
}

func TestConformanceOfTheBinary(t *testing.T) {
	providertest.RunBinary(t, ".", profile())
}

const sampleMessages = `{"model":"{{model}}","max_tokens":9,"messages":[{"role":"user","content":"{{prompt}}"}]`

func profile() providertest.Profile {
	return providertest.Profile{
		Service: &providertest.Service{
			Handler: http.HandlerFunc(healthy), Error: anthropicError, Translated: true,
			Usage:       provider.Usage{Input: 3, Output: 2, Total: 5},
			StreamError: "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":\"the kit's service failed in mid-stream\"}}\n\n",
		},
		Samples: []providertest.Sample{
			{Operation: opMessages, Mode: provider.ModeCall, Body: sampleMessages + `}`, Want: []string{"{{prompt}}"}},
			{Operation: opMessages, Mode: provider.ModeStream, Body: sampleMessages + `,"stream":true}`, Want: []string{"message_stop"}},
			{Operation: opCountTokens, Mode: provider.ModeCall, Body: sampleMessages + `}`, Want: []string{"input_tokens"}},
		},
	}
}

// healthy is a fake of the service that says back what it was told.
func healthy(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Model    string
		Stream   bool
		Messages []struct{ Content json.RawMessage }
	}
	data, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	_ = json.Unmarshal(data, &in) // a GET has no body
	said := "ok"
	if len(in.Messages) > 0 {
		last := in.Messages[len(in.Messages)-1].Content
		var blocks []part
		if json.Unmarshal(last, &said) != nil && json.Unmarshal(last, &blocks) == nil {
			said = blocks[0].Text
		}
	}
	said = said[:min(len(said), 200)]
	w.Header().Set("Content-Type", "application/json")
	switch {
	case r.URL.Path == pathModels:
		_, _ = io.WriteString(w, `{"data":[{"type":"model","id":"kit-model","display_name":"Kit","created_at":"2025-01-01T00:00:00Z"}],"has_more":false}`)
	case r.URL.Path == pathCount:
		_, _ = io.WriteString(w, `{"input_tokens":3}`)
	case !in.Stream:
		_, _ = fmt.Fprintf(w, `{"id":"msg_1","type":"message","role":"assistant","model":%q,"content":[{"type":"text","text":%s}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":3,"output_tokens":2}}`, in.Model, encoded(said))
	default:
		healthyStream(w, in.Model, said)
	}
}

func healthyStream(w http.ResponseWriter, model, said string) {
	w.Header().Set("Content-Type", "text/event-stream")
	send := func(kind, rest string) {
		_, _ = fmt.Fprintf(w, "event: %s\ndata: {\"type\":%q%s}\n\n", kind, kind, rest)
		w.(http.Flusher).Flush()
	}
	send("message_start", fmt.Sprintf(`,"message":{"id":"msg_1","type":"message","role":"assistant","model":%q,"content":[],"stop_reason":null,"usage":{"input_tokens":3,"output_tokens":1}}`, model))
	send("content_block_start", `,"index":0,"content_block":{"type":"text","text":""}`)
	for word := range strings.FieldsSeq(said) {
		send("content_block_delta", fmt.Sprintf(`,"index":0,"delta":{"type":"text_delta","text":%s}`, encoded(word+" ")))
	}
	send("content_block_stop", `,"index":0`)
	send("message_delta", `,"delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":2}`)
	send("message_stop", "")
}

// anthropicError is an error in Anthropic's form, with the type that goes with
// the status.
func anthropicError(status int, message string) (contentType, body string) {
	kinds := map[int]string{
		401: "authentication_error", 402: "billing_error", 403: "permission_error", 404: "not_found_error",
		413: "request_too_large", 429: "rate_limit_error", 504: "timeout_error", 529: "overloaded_error",
	}
	kind := kinds[status]
	switch {
	case kind != "":
	case status >= 500:
		kind = "api_error"
	default:
		kind = invalidRequest
	}
	return "application/json", fmt.Sprintf(`{"type":"error","error":{"type":%q,"message":%s},"request_id":"req_1"}`, kind, encoded(message))
}
