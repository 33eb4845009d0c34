package main

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/plugins/internal/plugintest"
	"github.com/backplane-dev/backplane/sdk/provider"
)

func TestDocumentedErrorsAreClassified(t *testing.T) {
	t.Parallel()
	var cases []struct {
		Name    string
		Status  int
		Headers map[string]string
		Body    json.RawMessage
		Want    struct {
			Code                 provider.Code
			Type, Param, Message string
			RetryAfter           string `json:"retry_after"`
		}
	}
	if err := json.Unmarshal(plugintest.Testdata(t, "errors.json"), &cases); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, c := range cases {
		seen[c.Want.Type] = true
		body := string(c.Body)
		_ = json.Unmarshal(c.Body, &body) // a text is sent as it is
		conn := open(t, plugintest.Serve(t, func(w http.ResponseWriter, _ *http.Request) {
			for name, value := range c.Headers {
				w.Header().Set(name, value)
			}
			w.WriteHeader(c.Status)
			_, _ = io.WriteString(w, body)
		}))
		for _, op := range []string{provider.OpChat, opInfer, opInferBatch, provider.OpModels, opModelInfo} {
			inputs := `"a"`
			if op == opInferBatch {
				inputs = `["a"]`
			}
			_, err := conn.Call(t.Context(), plugintest.Request(op, `{"model":"m","inputs":`+inputs+`,"messages":[{"role":"user","content":"a"}]}`))
			e := plugintest.WantError(t, err, c.Want.Code)
			after, _ := time.ParseDuration(c.Want.RetryAfter) // "" is none
			if e.StatusCode != c.Status || e.Type != c.Want.Type || e.Param != c.Want.Param || e.RetryAfter != after ||
				!strings.Contains(e.Message, c.Want.Message) || e.Source != provider.SourceUpstream {
				t.Errorf("%s: %s: got %+v", c.Name, op, e)
			}
		}
	}
	for kind := range classes {
		if !seen[kind] {
			t.Errorf("the type %s has no case", kind)
		}
	}
}

func TestTheKeyNeverShowsInErrors(t *testing.T) {
	t.Parallel()
	conn := open(t, plugintest.Serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, `{"error":{"type":"unauthorized","message":"not `+r.Header.Get("Authorization")+`"}}`)
	}))
	_, err := conn.Call(t.Context(), plugintest.Request(opInfer, `{"model":"m","inputs":"a"}`))
	if e := plugintest.WantError(t, err, provider.CodeAuth); strings.Contains(e.Message, testKey) {
		t.Errorf("got %v", e)
	}
}
