// Package teitest is what the conformance kit should know about Text Embeddings Inference,
// for all plugins that speak to it.
package teitest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/providertest"
)

// Profile describes a healthy server, and how it fails.
func Profile() providertest.Profile {
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
		"/predict": `[{"score":0.5,"label":"a"}]`, "/decode": `["a"]`, "/info": Info,
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

// Info is what the server tells of itself. It takes 40 inputs in one request.
const Info = `{"model_id":"BAAI/bge-small","model_sha":null,"model_dtype":"float16","served_model_name":"bge","model_type":{"embedding":{"pooling":"cls"}},` +
	`"max_concurrent_requests":512,"max_input_length":512,"max_batch_tokens":16384,"max_client_batch_size":40,"auto_truncate":false,"tokenization_workers":4,"version":"1.9.3"}`
