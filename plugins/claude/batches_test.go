package main

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/plugins/internal/plugintest"
	"github.com/backplane-dev/backplane/sdk/provider"
)

const (
	batchAnswer = `{"id":"msgbatch_1","type":"message_batch","processing_status":"in_progress","request_counts":{"processing":1,"succeeded":0,"errored":0,"canceled":0,"expired":0},` +
		`"ended_at":null,"created_at":"2026-11-23T07:06:04Z","expires_at":"2026-11-24T07:06:04Z","archived_at":null,"cancel_initiated_at":null,"results_url":null}`
	batchList    = `{"data":[` + batchAnswer + `],"has_more":false,"first_id":"msgbatch_1","last_id":"msgbatch_1"}`
	batchDeleted = `{"id":"msgbatch_1","type":"message_batch_deleted"}`
	batchLines   = `{"custom_id":"a","result":{"type":"succeeded","message":{"id":"msg_1","content":[]}}}` + "\n" +
		`{"custom_id":"b","result":{"type":"errored","error":{"type":"error","error":{"type":"invalid_request_error","message":"no"}}}}` + "\n"
)

// newBatches starts a fake of Anthropic's API for batches, written from its
// description, against which it holds requests and its own answers.
func newBatches(t testing.TB) *plugintest.Service {
	t.Helper()
	answers := map[string]string{
		"POST /v1/messages/batches": batchAnswer, "GET /v1/messages/batches": batchList,
		"GET /v1/messages/batches/msgbatch_1": batchAnswer, "DELETE /v1/messages/batches/msgbatch_1": batchDeleted,
		"POST /v1/messages/batches/msgbatch_1/cancel": batchAnswer,
	}
	return plugintest.NewService(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("request-id", "req_batch")
		line := r.Method + " " + r.URL.Path
		switch {
		case line == "GET /v1/messages/batches/msgbatch_1/results":
			plugintest.Write(w, http.StatusOK, "application/x-jsonl", batchLines)
		case answers[line] == "":
			plugintest.Write(w, http.StatusNotFound, "application/json", `{"type":"error","error":{"type":"not_found_error","message":"no such batch"}}`)
		default:
			spec().CheckAnswer(t, r, "application/json", []byte(answers[line]))
			plugintest.Write(w, http.StatusOK, "application/json", answers[line])
		}
	}, func(r *http.Request, body []byte) { spec().CheckRequest(t, r, body) })
}

func TestBatchesOfMessagesAreMadeAndFollowed(t *testing.T) {
	t.Parallel()
	s := newBatches(t)
	conn := open(t, s.URL)
	const requests = `{"requests":[ {"custom_id":"a","params":{"model":"claude-sonnet-4-5","max_tokens":5,"messages":[{"role":"user","content":"h\u0069"}]}} ]}`
	for _, tt := range []struct{ op, body, line, sent, want string }{
		{opBatchCreate, requests, "POST /v1/messages/batches", requests, batchAnswer},
		{opBatchList, ``, "GET /v1/messages/batches", "", batchList},
		{opBatchList, `{"limit":2,"after_id":"msgbatch_0"}`, "GET /v1/messages/batches?after_id=msgbatch_0&limit=2", "", batchList},
		{opBatchGet, `{"message_batch_id":"msgbatch_1"}`, "GET /v1/messages/batches/msgbatch_1", "", batchAnswer},
		{opBatchCancel, `{"message_batch_id":"msgbatch_1"}`, "POST /v1/messages/batches/msgbatch_1/cancel", "", batchAnswer},
		{opBatchDelete, `{"message_batch_id":"msgbatch_1"}`, "DELETE /v1/messages/batches/msgbatch_1", "", batchDeleted},
	} {
		got, err := conn.Call(t.Context(), plugintest.Request(tt.op, tt.body))
		if err != nil || string(got.Body) != tt.want || got.RequestID != "req_batch" {
			t.Errorf("%s: got %+v, %v", tt.op, got, err)
		}
		if sent := <-s.Requests; sent.Line() != tt.line || sent.Body != tt.sent || sent.Header.Get("X-Api-Key") != testKey || sent.Header.Get("Anthropic-Version") == "" {
			t.Errorf("%s: sent %s %s", tt.op, sent.Line(), sent.Body)
		}
	}
	_, err := conn.Call(t.Context(), plugintest.Request(opBatchGet, `{"message_batch_id":"other"}`))
	plugintest.WantError(t, err, provider.CodeNotFound)
	for _, op := range New().Describe().Operations {
		if op.Unsafe != (op.Name == opBatchCreate) {
			t.Errorf("%s: unsafe is %v", op.Name, op.Unsafe)
		}
	}
}

func TestTheResultsOfABatchPassAsTheyAre(t *testing.T) {
	t.Parallel()
	s := newBatches(t)
	got, err := plugintest.Transfer(t, open(t, s.URL), plugintest.Request(opBatchResults, `{"message_batch_id":"msgbatch_1"}`), nil, "")
	if err != nil || string(got.Body) != batchLines || got.Head.ContentType != "application/x-jsonl" || got.Head.RequestID != "req_batch" {
		t.Errorf("got %q, %+v, %v", got.Body, got.Head, err)
	}
}

func TestResultsOfABatchThatBreakAreTypedErrors(t *testing.T) {
	t.Parallel()
	req := plugintest.Request(opBatchResults, `{"message_batch_id":"m"}`)
	for name, h := range map[string]http.HandlerFunc{
		"cut off": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "500")
			plugintest.Write(w, http.StatusOK, "application/x-jsonl", batchLines)
		},
		"a page": func(w http.ResponseWriter, _ *http.Request) {
			plugintest.Write(w, http.StatusOK, "text/html", "<h1>Just a moment</h1>")
		},
	} {
		_, err := plugintest.Transfer(t, open(t, plugintest.Serve(t, h)), req, nil, "")
		if e := provider.AsError(err); e == nil || e.Code != provider.CodeProtocol || e.Source != provider.SourceUpstream {
			t.Errorf("%s: got %v", name, err)
		}
	}
	busy := open(t, say529(t))
	_, err := plugintest.Transfer(t, busy, req, nil, "")
	plugintest.WantError(t, err, provider.CodeOverloaded)
	_, err = busy.Call(t.Context(), plugintest.Request(opBatchList, ``))
	plugintest.WantError(t, err, provider.CodeOverloaded)
}

// say529 is a service that has too much to do.
func say529(t testing.TB) string {
	t.Helper()
	return plugintest.Serve(t, func(w http.ResponseWriter, _ *http.Request) {
		plugintest.Write(w, statusOverloaded, "application/json", `{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}`)
	})
}

func TestMistakesInBatchesAreTheCallers(t *testing.T) {
	t.Parallel()
	conn := open(t, plugintest.Serve(t, nil))
	for _, tt := range []struct{ op, body, param string }{
		{opBatchCreate, `[]`, ""}, {opBatchCreate, `null`, ""}, {opBatchList, `{"limit":"x"}`, ""},
		{opBatchGet, ``, "message_batch_id"}, {opBatchCancel, `{"message_batch_id":".."}`, "message_batch_id"}, {opBatchDelete, `{}`, "message_batch_id"},
	} {
		_, err := conn.Call(t.Context(), plugintest.Request(tt.op, tt.body))
		if e := plugintest.WantError(t, err, provider.CodeInvalidRequest); e.Param != tt.param || e.Source != provider.SourceCaller {
			t.Errorf("%s %s: got %+v", tt.op, tt.body, e)
		}
	}
	_, err := plugintest.Transfer(t, conn, plugintest.Request(opBatchResults, `{}`), nil, "")
	plugintest.WantError(t, err, provider.CodeInvalidRequest)
	_, err = open(t, say(t, "application/json", `{"x":1}`)).Call(t.Context(), plugintest.Request(opBatchList, ``))
	plugintest.WantError(t, err, provider.CodeProtocol)
}

func TestACallerWhoLeavesEndsTheResultsOfABatch(t *testing.T) {
	t.Parallel()
	gone := make(chan struct{})
	conn := open(t, plugintest.Serve(t, func(w http.ResponseWriter, r *http.Request) {
		plugintest.WriteParts(w, "application/x-jsonl", strings.Repeat(batchLines, 10))
		<-r.Context().Done()
		close(gone)
	}))
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	resp, err := conn.Transfer(ctx, &provider.TransferRequest{Request: *plugintest.Request(opBatchResults, `{"message_batch_id":"m"}`)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }() // it has no end
	if _, err := resp.Body.Read(make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	leave()
	select {
	case <-gone:
	case <-time.After(time.Second):
		t.Error("the connection is still open a second after the caller left")
	}
}
