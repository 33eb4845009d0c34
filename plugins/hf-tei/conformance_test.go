package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
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

func profile() providertest.Profile {
	call := func(op, body, want string) providertest.Sample {
		return providertest.Sample{Operation: op, Mode: provider.ModeCall, Body: body, Want: []string{want}}
	}
	const inputs = `{"inputs":["{{prompt}}"]}`
	return providertest.Profile{
		Service: &providertest.Service{Handler: http.HandlerFunc(healthy), Error: serverError, Translated: true},
		Samples: []providertest.Sample{
			call("embed", inputs, "0.5"), call("embed_all", inputs, "0.5"), call("embed_sparse", inputs, "0.5"), call("predict", inputs, "label"),
			call("tokenize", inputs, "{{prompt}}"), call("decode", `{"ids":[1]}`, "a"),
			call("similarity", `{"inputs":{"source_sentence":"{{prompt}}","sentences":["a"]}}`, "0.5"),
		},
	}
}

// healthy is a fake of the server that answers every operation.
func healthy(w http.ResponseWriter, r *http.Request) {
	var in struct{ Inputs []string }
	data, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	_ = json.Unmarshal(data, &in) // not all have such inputs
	w.Header().Set("Content-Type", "application/json")
	answers := map[string]string{
		"/v1/embeddings": `{"object":"list","model":"kit-model","data":[{"object":"embedding","index":0,"embedding":[0.5,-0.5]}],"usage":{"prompt_tokens":3,"total_tokens":3}}`,
		"/embed":         `[[0.5]]`, "/embed_all": `[[[0.5]]]`, "/embed_sparse": `[[{"index":1,"value":0.5}]]`, "/similarity": `[0.5]`,
		"/predict": `[{"score":0.5,"label":"a"}]`, "/decode": `["a"]`, "/info": infoAnswer,
		"/rerank": `[{"index":1,"score":0.9},{"index":0,"score":0.1}]`,
	}
	if r.URL.Path == "/tokenize" && len(in.Inputs) > 0 {
		said, _ := json.Marshal(in.Inputs[0]) // a string always encodes
		_, _ = fmt.Fprintf(w, `[[{"id":1,"text":%s,"special":false}]]`, said)
		return
	}
	_, _ = io.WriteString(w, answers[r.URL.Path])
}

// serverError is an error in the server's form.
func serverError(status int, message string) (contentType, body string) {
	kinds := map[int]string{422: "Tokenizer", 424: "Backend", 413: "Validation", 503: "Unhealthy"}
	said, _ := json.Marshal(message) // a string always encodes
	return "application/json", fmt.Sprintf(`{"error":%s,"error_type":%q}`, said, kinds[status])
}
