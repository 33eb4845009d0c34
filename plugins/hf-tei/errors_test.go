package main

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/plugins/internal/plugintest"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// requests are one for each operation that has a body.
var requests = map[string]string{
	provider.OpEmbeddings: `{"input":["a","b"]}`, provider.OpRerank: `{"query":"q","documents":["a","b"]}`,
	"embed": `{"inputs":["a","b"]}`, "similarity": `{"inputs":{"source_sentence":"a","sentences":["b"]}}`,
}

func TestDocumentedErrorsAreClassified(t *testing.T) {
	t.Parallel()
	for op, body := range requests {
		t.Run(op, func(t *testing.T) {
			t.Parallel()
			plugintest.CheckCallErrors(t, open, op, body)
		})
	}
}

func TestAnswersThatDoNotFitAreErrors(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ op, body, answer string }{
		{provider.OpEmbeddings, requests[provider.OpEmbeddings], `{"data":[{"index":0,"embedding":[1]}]}`},
		{provider.OpEmbeddings, requests[provider.OpEmbeddings], `{"data":[{"index":0,"embedding":[1]},{"index":0,"embedding":[1]}]}`},
		{provider.OpEmbeddings, requests[provider.OpEmbeddings], `{"data":[{"index":0,"embedding":[1]},{"index":2,"embedding":[1]}]}`},
		{provider.OpEmbeddings, `{"input":"a","normalize":true}`, `[[]]`},
		{provider.OpEmbeddings, `{"input":"a","normalize":true}`, `{"a":1}`},
		{provider.OpRerank, requests[provider.OpRerank], `[{"index":0,"score":0.5}]`},
		{provider.OpRerank, requests[provider.OpRerank], `[{"index":0,"score":0.5},{"index":0,"score":0.5}]`},
		{provider.OpRerank, requests[provider.OpRerank], `[{"index":0,"score":0.5},{"index":1,"score":null}]`},
		{provider.OpRerank, requests[provider.OpRerank], `[{"index":0,"sc`},
		{"embed", requests["embed"], `<html>hello</html>`},
		{"info", `{}`, `oops`},
		{provider.OpModels, `{}`, `{}`},
		{"embed", `{"inputs":` + each(33, func(int) string { return `"a"` }) + `}`, `{"model_id":"m"}`},
		{"embed", `{"inputs":` + each(33, func(int) string { return `"a"` }) + `}`, `{"model_id":"m","max_client_batch_size":2}`},
	} {
		url := plugintest.Serve(t, func(w http.ResponseWriter, _ *http.Request) {
			plugintest.Write(w, http.StatusOK, "application/json", tt.answer)
		})
		_, err := open(t, url).Call(t.Context(), plugintest.Request(tt.op, tt.body))
		if e := plugintest.WantError(t, err, provider.CodeProtocol); e.Source != provider.SourceUpstream {
			t.Errorf("%s %s: got %+v", tt.op, tt.answer, e)
		}
	}
}

func TestAnErrorInOnePartEndsAll(t *testing.T) {
	t.Parallel()
	asked := 0
	url := plugintest.Serve(t, func(w http.ResponseWriter, _ *http.Request) {
		if asked++; asked == 1 {
			plugintest.Write(w, http.StatusOK, "application/json", `[[1]]`)
			return
		}
		plugintest.Write(w, http.StatusTooManyRequests, "application/json", `{"error":"Model is overloaded","error_type":"Overloaded"}`)
	})
	conn := plugintest.Open(t, New(), plugintest.Settings{"base_url": url, "max_batch_size": 1}, "")
	_, err := conn.Call(t.Context(), plugintest.Request("embed", `{"inputs":["a","b","c"]}`))
	plugintest.WantError(t, err, provider.CodeOverloaded)
	if asked != 2 {
		t.Errorf("asked %d times", asked)
	}
}

func TestCancelClosesTheConnection(t *testing.T) {
	t.Parallel()
	arrived, gone := make(chan struct{}), make(chan struct{})
	conn := open(t, plugintest.Serve(t, func(_ http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-r.Context().Done()
		close(gone)
	}))
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	ended := make(chan error, 1)
	go func() {
		_, err := conn.Call(ctx, plugintest.Request(provider.OpEmbeddings, requests[provider.OpEmbeddings]))
		ended <- err
	}()
	<-arrived
	leave()
	plugintest.WantError(t, <-ended, provider.CodeCanceled)
	select {
	case <-gone:
	case <-time.After(time.Second):
		t.Error("the connection is still open a second after the caller left")
	}
}
