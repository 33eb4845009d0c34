package api_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/host/internal/api"
	"github.com/backplane-dev/backplane/sdk/provider"
)

const (
	call     = provider.ModeCall
	streamed = provider.ModeStream
	bytesIO  = provider.ModeTransfer
)

// fastCore offers operations in all combinations of modes and answers with the
// mode in which it was called.
func fastCore() (*fakeCore, *recorded) {
	core, rec := answering(`"call"`, chunks(`"stream"`), finished())
	core.operations = []provider.Operation{
		{Name: "chat", Modes: []provider.Mode{call, streamed}},
		{Name: "responses", Modes: []provider.Mode{call, streamed}},
		{Name: "embeddings", Modes: []provider.Mode{call}},
		{Name: "completions", Modes: []provider.Mode{call}},
		{Name: "pull", Modes: []provider.Mode{streamed}},
		{Name: "models", Modes: []provider.Mode{call}},
		{Name: "object.put", Modes: []provider.Mode{bytesIO}},
		{Name: "audio.transcription", Modes: []provider.Mode{bytesIO}},
		{Name: "both", Modes: []provider.Mode{call, bytesIO}},
		{Name: "modeless"},
	}
	transfer := core.transfer
	core.transfer = func(ctx context.Context, req *provider.TransferRequest) (*provider.TransferResponse, error) {
		resp, err := transfer(ctx, req)
		if err == nil {
			resp.Body, resp.Length = io.NopCloser(strings.NewReader("transfer")), -1
		}
		return resp, err
	}
	return core, rec
}

func TestAnOperationIsCalledInTheModeThatFits(t *testing.T) {
	t.Parallel()
	const stream = "data: \"stream\"\n\ndata: [DONE]\n\n"
	tests := []struct {
		name, operation, body string
		header                []string
		want                  string
	}{
		{"call", "chat", hello, nil, `"call"`},
		{"stream by the body", "chat", helloStream, nil, stream},
		{"stream by Accept", "chat", hello, []string{"Accept", "text/event-stream"}, stream},
		{"named events", "responses", helloStream, nil, "data: \"stream\"\n\n"},
		{"Accept without a stream", "embeddings", hello, []string{"Accept", "text/event-stream, */*"}, `"call"`},
		{"stream is the only mode", "pull", `{"name":"x"}`, nil, stream},
		{"own operation, own meaning of stream", "models", `{"stream":"stdout","model":{"a":1}}`, nil, `"call"`},
		{"no body at all", "models", ``, nil, `"call"`},
		{"JSON for a transfer", "object.put", `{"key":"a"}`, []string{"Content-Type", "application/json"}, "transfer"},
		{"no type for a transfer", "object.put", `{"key":"a"}`, nil, "transfer"},
		{"JSON where both fit", "both", `{}`, []string{"Content-Type", "application/problem+json"}, `"call"`},
		{"bytes where both fit", "both", `abc`, []string{"Content-Type", "text/plain"}, "transfer"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			core, rec := fastCore()
			handlers := map[string]http.Handler{
				"/v1/endpoints/fast/": api.New(core, api.Options{}),
				"/":                   api.Endpoint(core, "fast", api.Options{}),
			}
			for prefix, h := range handlers {
				w := post(h, prefix+tt.operation, tt.body, tt.header...)
				if w.Code != 200 || w.Body.String() != tt.want {
					t.Errorf("%s: got %d %q, want %q", prefix, w.Code, w.Body, tt.want)
				}
				if req, _ := rec.request(); req.Endpoint != "fast" || req.Operation != tt.operation {
					t.Errorf("%s: the core got %+v", prefix, req)
				}
			}
		})
	}
}

func TestWhatAnEndpointCannotDoIsExplained(t *testing.T) {
	t.Parallel()
	tests := []struct {
		operation, body string
		code            int
		want            string
	}{
		{"chta", hello, 501, `operation \"chta\" is not supported by endpoint \"fast\"; it offers chat, responses, embeddings, completions, pull, models, object.put, audio.transcription, both, modeless; did you mean \"chat\"?`},
		{"completions", helloStream, 501, `operation \"completions\" of endpoint \"fast\" cannot be streamed; leave \"stream\" out or send false`},
		{"modeless", `{}`, 501, `operation \"modeless\" of endpoint \"fast\" declares no mode in which it can be called`},
		{"chat", `{"model":5}`, 400, `\"model\" must be a string, found a number at byte 9`},
		{"chat", ``, 400, `the body is empty; send a JSON object`},
		{"pull", `{"name"}`, 400, `the body is not valid JSON: expected \":\" after the key instead of '}' at byte 7 (line 1, column 8)`},
		{"audio.transcription", `{"a":`, 400, `the body is not valid JSON`},
	}
	for _, tt := range tests {
		core, _ := fastCore()
		w := post(api.New(core, api.Options{}), "/v1/endpoints/fast/"+tt.operation, tt.body)
		if w.Code != tt.code || !strings.Contains(w.Body.String(), tt.want) {
			t.Errorf("%s: got  %d %s\nwant %d %s", tt.operation, w.Code, w.Body, tt.code, tt.want)
		}
	}
}

func TestAnEndpointSaysWhatItOffers(t *testing.T) {
	t.Parallel()
	core := &fakeCore{operations: []provider.Operation{{Name: "chat", Modes: []provider.Mode{call, streamed}, Description: "Chats."}}}
	const want = `{"id":"fast","object":"endpoint","operations":[{"name":"chat","modes":["call","stream"],"description":"Chats."}]}`
	for path, h := range map[string]http.Handler{
		"/v1/endpoints/fast": api.New(core, api.Options{}), "/v1/endpoints/fast/": api.New(core, api.Options{}), "/": api.Endpoint(core, "fast", api.Options{}),
	} {
		if w := get(h, path); w.Code != 200 || w.Body.String() != want {
			t.Errorf("%s: got %d %s", path, w.Code, w.Body)
		}
	}
	core.operations = nil
	if w := get(api.New(core, api.Options{}), "/v1/endpoints/fast"); !strings.Contains(w.Body.String(), `"operations":[]`) {
		t.Errorf("got %s", w.Body)
	}
	for _, path := range []string{"/v1/endpoints/", "/v1/endpoints", "/v1/endpoints/fast/a/b"} {
		if w := get(api.New(core, api.Options{}), path); w.Code != 404 {
			t.Errorf("%s: got %d", path, w.Code)
		}
	}
	want404 := `there is nothing at /a/b; POST to /{operation}, or GET / to see the operations`
	if w := post(api.Endpoint(core, "fast", api.Options{}), "/a/b", "{}"); w.Code != 404 || !strings.Contains(w.Body.String(), want404) {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
}

func TestAnUploadHasItsParametersInTheQuery(t *testing.T) {
	t.Parallel()
	core, rec := fastCore()
	h := api.New(core, api.Options{})
	w := post(h, "/v1/endpoints/fast/object.put?key=a%20b&tag=1&tag=2&model=m", "\x00bytes\xff", "Content-Type", "image/png")
	req, params := rec.request()
	if w.Code != 200 || params != `{"key":"a b","model":"m","tag":["1","2"]}` || req.Model != "m" {
		t.Errorf("got %d, params %s, model %q", w.Code, params, req.Model)
	}
	if rec.data != "\x00bytes\xff" || rec.kind != "image/png" || rec.size != 7 {
		t.Errorf("the upload is %q, %q, %d", rec.data, rec.kind, rec.size)
	}
	if w := post(h, "/v1/endpoints/fast/object.put?key=a", ""); w.Code != 200 {
		t.Errorf("no body: got %d %s", w.Code, w.Body)
	}
	if _, params := rec.request(); params != `{"key":"a"}` {
		t.Errorf("no body: params %s", params)
	}
	contentType, form := formOf(t, "model", "whisper-1", "file", "x")
	if w := post(h, "/v1/endpoints/fast/audio.transcription", form, "Content-Type", contentType); w.Code != 200 {
		t.Errorf("form: got %d %s", w.Code, w.Body)
	}
	if req, _ := rec.request(); req.Model != "whisper-1" || rec.data != form {
		t.Errorf("form: model %q, %d bytes", req.Model, len(rec.data))
	}
}

// upload posts n bytes, with or without their length.
func upload(t *testing.T, server *httptest.Server, n int, announced bool) (status int, body string) {
	t.Helper()
	var data io.Reader = strings.NewReader(strings.Repeat("x", n))
	if !announced {
		data = io.MultiReader(data)
	}
	req, err := http.NewRequestWithContext(t.Context(), "POST", server.URL+"/v1/endpoints/fast/object.put", data)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/octet-stream")
	resp, err := server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(got)
}

func TestUploadsOfAllSizesArriveWhole(t *testing.T) {
	t.Parallel()
	core, rec := fastCore()
	server := serve(t, core, api.Options{MaxBodyBytes: 10_000, MaxUploadBytes: 1_000_000})
	for _, n := range []int{1, 10_000, 10_001, 1_000_000} {
		for _, announced := range []bool{true, false} {
			code, body := upload(t, server, n, announced)
			if code != 200 || len(rec.data) != n {
				t.Errorf("%d bytes, announced %v: got %d %s, %d bytes arrived", n, announced, code, body, len(rec.data))
			}
			if want := map[bool]int64{true: int64(n), false: -1}[announced]; rec.size != want {
				t.Errorf("%d bytes, announced %v: length %d, want %d", n, announced, rec.size, want)
			}
		}
	}
	for _, announced := range []bool{true, false} {
		if code, body := upload(t, server, 1_000_001, announced); code != 413 || !strings.Contains(body, "too_large") {
			t.Errorf("one too many, announced %v: got %d %s", announced, code, body)
		}
	}
}

// TestAnAnswerMayComeBeforeTheUploadWasRead: the plugin refuses early, and the
// goroutine that reads the upload outlives the exchange. The connection's
// deadlines must not be touched by it afterwards.
func TestAnAnswerMayComeBeforeTheUploadWasRead(t *testing.T) {
	t.Parallel()
	readers := make(chan io.Reader, 1)
	core, _ := fastCore()
	core.transfer = func(_ context.Context, req *provider.TransferRequest) (*provider.TransferResponse, error) {
		readers <- req.Data
		return &provider.TransferResponse{TransferHead: provider.TransferHead{Length: 2}, Body: io.NopCloser(strings.NewReader("no"))}, nil
	}
	server := serve(t, core, api.Options{MaxBodyBytes: 1000})
	c := dial(t, server)
	c.send("POST /v1/endpoints/fast/object.put HTTP/1.1\r\nHost: x\r\nContent-Type: a/b\r\nContent-Length: 5000000\r\n\r\n%s", strings.Repeat("x", 2000))
	if resp, body := c.answer(); resp.StatusCode != 200 || body != "no" {
		t.Fatalf("got %d %q", resp.StatusCode, body)
	}
	data := <-readers
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for buf := make([]byte, 512); ; {
			if _, err := data.Read(buf); err != nil {
				return
			}
		}
	}()
	within(t, patience, "the end of the upload", ended)
}

func TestAPathThatNamesAnEndpointNeedsNoModel(t *testing.T) {
	t.Parallel()
	core, rec := fastCore()
	w := post(api.New(core, api.Options{}), "/v1/endpoints/fast/chat", `{"messages":[]}`, "X-Backplane-Endpoint", "other")
	if req, _ := rec.request(); w.Code != 200 || req.Endpoint != "fast" || req.Model != "" {
		t.Errorf("got %d, endpoint %q, model %q", w.Code, req.Endpoint, req.Model)
	}
}

func ExampleEndpoint() {
	core, _ := answering(`{"answer":42}`)
	core.operations = []provider.Operation{{Name: "chat", Modes: []provider.Mode{provider.ModeCall}}}
	mux := http.NewServeMux()
	mux.Handle("/ai/", http.StripPrefix("/ai", api.Endpoint(core, "fast", api.Options{})))
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest("POST", "/ai/chat", strings.NewReader(`{"messages":[]}`)))
	fmt.Println(w.Code, w.Body)
	// Output: 200 {"answer":42}
}
