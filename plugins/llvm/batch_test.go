package main

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/plugins/internal/plugintest"
	"github.com/backplane-dev/backplane/plugins/llvm/internal/reference"
	"github.com/backplane-dev/backplane/sdk/provider"
)

func TestABatchIsOneRequest(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	conn := open(t, s.URL)
	got, err := conn.Call(t.Context(), plugintest.Request(opInferBatch,
		`{"model":"acme/upper","inputs":["one two three",{"n":12345678901234567890},"four"],"max_tokens":2,"params":{"stop":["x"]},"stream":false}`))
	if err != nil {
		t.Fatal(err)
	}
	sent := <-s.Requests
	want := `{"inputs":["one two three",{"n":12345678901234567890},"four"],"max_tokens":2,"params":{"stop":["x"]}}`
	if sent.Line() != "POST /models/acme%2Fupper/batch" || sent.Body != want || len(s.Requests) > 0 {
		t.Errorf("sent %s %s and %d more", sent.Line(), sent.Body, len(s.Requests))
	}
	for _, part := range []string{`"outputs":"ONE TWO "`, `"finish_reason":"length"`, `"outputs":{"n":12345678901234567890}`, `"outputs":"FOUR"`} {
		if !strings.Contains(string(got.Body), part) {
			t.Errorf("there is no %s in %s", part, got.Body)
		}
	}
	if got.Model != "acme/upper" || got.Usage == nil || *got.Usage != (provider.Usage{Input: 4, Output: 3, Total: 7}) {
		t.Errorf("reported %+v, %+v", got.Meta, got.Usage)
	}
}

func TestAnInputThatFailsDoesNotFailTheBatch(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	got, err := open(t, s.URL).Call(t.Context(), plugintest.Request(opInferBatch,
		`{"model":"echo","inputs":["a","`+strings.Repeat("b", reference.MaxInputBytes)+`","c d"]}`))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(got.Body), `{"error":{"message":"the model takes no inputs of over 8388608 bytes","type":"request_too_large"}}`) ||
		!strings.Contains(string(got.Body), `"outputs":"c d"`) || *got.Usage != (provider.Usage{Input: 3, Output: 3, Total: 6}) {
		t.Errorf("got %.500s, %+v", got.Body, got.Usage)
	}
}

func TestMistakesInBatchesAreNamed(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	conn := open(t, s.URL)
	for body, param := range map[string]string{
		`[]`:                              "",
		`{"inputs":["a"]}`:                "model",
		`{"model":"echo"}`:                "inputs",
		`{"model":"echo","inputs":"a"}`:   "inputs",
		`{"model":"echo","inputs":[]}`:    "inputs",
		`{"model":"echo","inputs":["a"],`: "",
	} {
		_, err := conn.Call(t.Context(), plugintest.Request(opInferBatch, body))
		if e := plugintest.WantError(t, err, provider.CodeInvalidRequest); e.Param != param || e.Source != provider.SourceCaller {
			t.Errorf("%s: got %+v", body, e)
		}
	}
	_, err := conn.Call(t.Context(), plugintest.Request(opInferBatch, `{"model":"echo","inputs":["a"],"stream":true}`))
	plugintest.WantError(t, err, provider.CodeUnsupported)
	if len(s.Requests) > 0 {
		t.Error("a refused request was sent")
	}
	_, err = conn.Call(t.Context(), plugintest.Request(opInferBatch, `{"model":"echo","inputs":["a",7]}`))
	if e := plugintest.WantError(t, err, provider.CodeInvalidRequest); e.Param != "inputs[1]" || e.Source != provider.SourceUpstream {
		t.Errorf("got %+v", e)
	}
}

func TestAServerWithoutBatchesDoesNotSupportThem(t *testing.T) {
	t.Parallel()
	conn := open(t, plugintest.Serve(t, func(w http.ResponseWriter, _ *http.Request) {
		plugintest.Write(w, http.StatusNotFound, "application/json", `{"error":{"type":"not_found","message":"there is nothing at /models/m/batch"}}`)
	}))
	_, err := conn.Call(t.Context(), plugintest.Request(opInferBatch, `{"model":"m","inputs":["a"]}`))
	plugintest.WantError(t, err, provider.CodeUnsupported)
}

func TestBrokenAnswersToABatchAreErrors(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`<h1>Hello</h1>`, `{}`, `{"results":`, `{"model_id":"m","results":[]}`, `{"model_id":"m","results":[{"outputs":"a"}]}`,
		`{"model_id":"m","results":[{"outputs":"a"},{}]}`, `{"model_id":"m","results":[{"outputs":"a"},{"outputs":7}]}`, `{"model_id":"m","results":[{"outputs":"a"},{"error":null}]}`,
	} {
		conn := open(t, plugintest.Serve(t, func(w http.ResponseWriter, _ *http.Request) {
			plugintest.Write(w, http.StatusOK, "application/json", body)
		}))
		_, err := conn.Call(t.Context(), plugintest.Request(opInferBatch, `{"model":"m","inputs":["a","b"]}`))
		if e := plugintest.WantError(t, err, provider.CodeProtocol); e.Source != provider.SourceUpstream {
			t.Errorf("%s: got %+v", body, e)
		}
	}
}

func TestCancelClosesTheConnection(t *testing.T) {
	t.Parallel()
	for op, body := range map[string]string{
		provider.OpChat: `{"model":"m","messages":[{"role":"user","content":"a"}]}`, opInfer: `{"model":"m","inputs":"a"}`, opInferBatch: `{"model":"m","inputs":["a"]}`,
	} {
		t.Run(op, func(t *testing.T) {
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
				_, err := conn.Call(ctx, plugintest.Request(op, body))
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
		})
	}
}
