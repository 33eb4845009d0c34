// Package tgitest is what the conformance kit should know about Text Generation Inference,
// for all plugins that speak to it.
package tgitest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/providertest"
)

const sample = `{"inputs":"{{prompt}}","parameters":{"max_new_tokens":5}}`

// Profile describes a healthy server, and how it fails.
func Profile() providertest.Profile {
	service := providertest.OpenAI()
	messages := service.Handler
	service.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { healthy(w, r, messages) })
	service.Error = serverError
	service.StreamError = "data:{\"error\":\"Request failed during generation: the kit's service failed in mid-stream\",\"error_type\":\"generation\"}\n\n"
	return providertest.Profile{
		Service: service,
		Samples: []providertest.Sample{
			{Operation: "generate", Mode: provider.ModeCall, Body: sample, Want: []string{"{{prompt}}"}},
			{Operation: "generate", Mode: provider.ModeStream, Body: sample, Want: []string{"generated_text"}},
			{Operation: "tokenize", Mode: provider.ModeCall, Body: sample, Want: []string{"{{prompt}}"}},
			{Operation: "chat_tokenize", Mode: provider.ModeCall, Body: `{"messages":[{"role":"user","content":"{{prompt}}"}]}`, Want: []string{"templated_text"}},
		},
	}
}

// healthy is a fake of the server's own protocol that says back what it was
// told; the messages API is the kit's.
func healthy(w http.ResponseWriter, r *http.Request, messages http.Handler) {
	if strings.HasPrefix(r.URL.Path, "/v1/") {
		messages.ServeHTTP(w, r)
		return
	}
	var in struct{ Inputs string }
	data, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	_ = json.Unmarshal(data, &in) // a GET has no body
	said, _ := json.Marshal(in.Inputs[:min(len(in.Inputs), 200)])
	w.Header().Set("Content-Type", "application/json")
	switch r.URL.Path {
	case "/generate":
		_, _ = fmt.Fprintf(w, `{"generated_text":%s,"x_kit_field":{"n":12345678901234567890,"text":"ünknown","list":[1.50,null]}}`, said)
	case "/tokenize":
		_, _ = fmt.Fprintf(w, `[{"id":0,"text":%s,"start":0,"stop":2}]`, said)
	case "/chat_tokenize":
		_, _ = io.WriteString(w, `{"tokenize_response":[],"templated_text":"a"}`)
	case "/info":
		_, _ = io.WriteString(w, `{"model_id":"kit-model"}`)
	case "/generate_stream":
		w.Header().Set("Content-Type", "text/event-stream")
		for i, text := range []string{"null", "null", string(said)} {
			_, _ = fmt.Fprintf(w, "data:{\"index\":%d,\"token\":{\"id\":1,\"text\":\"a\",\"logprob\":0,\"special\":false},\"generated_text\":%s,\"details\":null}\n\n", i+1, text)
			w.(http.Flusher).Flush()
		}
	}
}

// serverError is an error in the server's form, with the type that goes with the
// status.
func serverError(status int, message string) (contentType, body string) {
	kinds := map[int]string{http.StatusUnprocessableEntity: "validation", http.StatusFailedDependency: "generation", http.StatusInternalServerError: "incomplete_generation"}
	said, _ := json.Marshal(message) // a string always encodes
	return "application/json", fmt.Sprintf(`{"error":%s,"error_type":%q}`, said, kinds[status])
}
