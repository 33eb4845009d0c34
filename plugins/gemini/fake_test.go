package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/sdk/client"
	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/providertest"
)

// A key as Google makes them, and one that no pattern recognises.
const (
	testKey  = "AIzaSyAbc123Abc123Abc123Abc123Abc123Abc"
	plainKey = "correct horse battery staple"
)

// testdata returns a file of the folder testdata.
func testdata(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// received is a request that the fake service got.
type received struct {
	method, path, query string
	header              http.Header
	body                []byte
}

// service is a fake of the Generative Language API, written from its
// description. It holds requests and answers against the description where that
// is at hand. Without a file to answer with it says the last text back.
type service struct {
	t        testing.TB
	url      string
	answer   string // a file in testdata
	spec     *spec
	requests chan received
}

func newService(t testing.TB, answer string) *service {
	t.Helper()
	s := &service{t: t, answer: answer, spec: geminiSpec(), requests: make(chan received, 64)}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

// ServeHTTP implements [http.Handler].
func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the caller left
	}
	s.requests <- received{r.Method, r.URL.Path, r.URL.RawQuery, r.Header, body}
	s.spec.checkRequest(s.t, r, body)
	var answer []byte
	if s.answer != "" {
		answer = testdata(s.t, s.answer)
	}
	if strings.HasSuffix(s.answer, ".sse") {
		w.Header().Set("Content-Type", "text/event-stream")
		for event := range bytes.SplitAfterSeq(answer, []byte("\n\n")) {
			s.spec.checkEvent(s.t, event)
			_, _ = w.Write(event) // a failure is seen by the reader
			w.(http.Flusher).Flush()
		}
		return
	}
	if answer == nil {
		healthy(w, r, body)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	s.spec.checkAnswer(s.t, r, w.Header(), answer)
	_, _ = w.Write(answer) // as above
}

// saidBack is the last text of a request.
func saidBack(body []byte) string {
	var req struct {
		Contents []struct {
			Parts []struct{ Text string }
		}
	}
	if json.Unmarshal(body, &req) != nil || len(req.Contents) == 0 {
		return "ok"
	}
	parts := req.Contents[len(req.Contents)-1].Parts
	if len(parts) == 0 {
		return "ok"
	}
	const longest = 200
	text := parts[len(parts)-1].Text
	return text[:min(len(text), longest)]
}

// healthy answers every method with success.
func healthy(w http.ResponseWriter, r *http.Request, body []byte) {
	const usage = `"usageMetadata":{"promptTokenCount":3,"candidatesTokenCount":2,"totalTokenCount":5},"modelVersion":"gemini-2.5-flash","responseId":"resp-1"`
	said, _ := json.Marshal(saidBack(body)) // a string always encodes
	var answer string
	switch _, method, _ := strings.Cut(r.URL.Path, ":"); {
	case r.Header.Get("X-Goog-Api-Key") == "" || r.URL.Query().Has("key"):
		w.WriteHeader(http.StatusForbidden)
		answer = `{"error":{"code":403,"message":"Method doesn't allow unregistered callers","status":"PERMISSION_DENIED"}}`
	case method == "streamGenerateContent" && r.URL.Query().Get("alt") == "sse":
		w.Header().Set("Content-Type", "text/event-stream")
		for _, word := range strings.SplitAfter(saidBack(body), " ") {
			text, _ := json.Marshal(word) // as above
			_, _ = fmt.Fprintf(w, "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":%s}],\"role\":\"model\"},\"index\":0}],%s}\r\n\r\n", text, usage)
			w.(http.Flusher).Flush()
		}
		answer = `data: {"candidates":[{"content":{"parts":[{"text":""}],"role":"model"},"finishReason":"STOP","index":0}],` + usage + "}\r\n\r\n"
	case method == "generateContent":
		answer = `{"candidates":[{"content":{"parts":[{"text":` + string(said) + `}],"role":"model"},"finishReason":"STOP","index":0}],` + usage + `}`
	case method == "embedContent":
		answer = `{"embedding":{"values":[0.5,-0.5]}}`
	case method == "countTokens":
		answer = `{"totalTokens":7,"promptTokensDetails":[{"modality":"TEXT","tokenCount":7}]}`
	case r.URL.Path == "/v1beta/models":
		answer = `{"models":[{"name":"models/gemini-2.5-flash","displayName":"Gemini 2.5 Flash"}]}`
	default:
		w.WriteHeader(http.StatusNotFound)
		answer = `{"error":{"code":404,"message":"no such method","status":"NOT_FOUND"}}`
	}
	if w.Header().Get("Content-Type") == "" {
		w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	}
	_, _ = io.WriteString(w, answer) // a failure is seen by the reader
}

// serve starts a fake that answers everything with h, and returns its address.
func serve(t testing.TB, h http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		h(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// says answers with a status, a content type and a body.
func says(status int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body) // a failure is seen by the reader
	}
}

// open serves the plugin over the real wire, with an endpoint "e" at url.
func open(t testing.TB, url string) *client.Conn {
	t.Helper()
	return openWith(t, url, testKey, "", nil)
}

func openWith(t testing.TB, url, key, model string, settings map[string]any) *client.Conn {
	t.Helper()
	all := map[string]any{"base_url": url}
	for name, value := range settings {
		all[name] = value
	}
	raw, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	conn := providertest.Dial(t, New())
	diags, err := conn.OpenEndpoint(t.Context(), provider.EndpointConfig{
		ID: "e", Revision: 1, Model: model, Credential: provider.NewSecret(key), Settings: provider.NewSettings(raw),
	})
	if err != nil || len(diags) > 0 {
		t.Fatal(err, diags)
	}
	return conn
}

// request makes a request of the endpoint.
func request(op, body string) *provider.Request {
	return &provider.Request{Endpoint: "e", Revision: 1, Operation: op, RequestID: "req_host", Attempt: 1, Body: []byte(body)}
}

// chat calls chat with the given fields of the body and decodes the answer.
func chat(t testing.TB, conn *client.Conn, body string) (*provider.ChatResponse, *provider.Response) {
	t.Helper()
	got, err := conn.Call(t.Context(), request(provider.OpChat, body))
	if err != nil {
		t.Fatal(err)
	}
	answer := &provider.ChatResponse{}
	if err := json.Unmarshal(got.Body, answer); err != nil {
		t.Fatal(err)
	}
	return answer, got
}

// streamed is what came of a stream.
type streamed struct {
	meta   *provider.Meta
	chunks []string
	usage  *provider.Usage
	finish *provider.Finish
}

// typed decodes the chunks.
func (s streamed) typed(t testing.TB) []provider.ChatChunk {
	t.Helper()
	all := make([]provider.ChatChunk, len(s.chunks))
	for i, c := range s.chunks {
		if err := json.Unmarshal([]byte(c), &all[i]); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// stream calls an operation as a stream and reads it.
func stream(t testing.TB, conn *client.Conn, req *provider.Request) (got streamed, err error) {
	t.Helper()
	s, err := conn.Stream(t.Context(), req)
	if err != nil {
		return got, err
	}
	defer s.Close()
	for {
		ev, err := s.Next()
		if errors.Is(err, io.EOF) {
			return got, nil
		}
		if err != nil {
			return got, err
		}
		switch ev.Kind {
		case provider.EventStarted:
			got.meta = ev.Meta
		case provider.EventData:
			for _, c := range ev.Chunks {
				got.chunks = append(got.chunks, string(c))
			}
		case provider.EventUsage:
			got.usage = ev.Usage
		case provider.EventFinished:
			got.finish = ev.Finish
		}
	}
}

// wantError fails the test unless err has the code; it returns the error.
func wantError(t testing.TB, err error, code provider.Code) *provider.Error {
	t.Helper()
	if err == nil {
		t.Fatalf("got no error, want %s", code)
	}
	e := provider.AsError(err)
	if e.Code != code {
		t.Fatalf("got %v, want code %s", e, code)
	}
	return e
}

// sameJSON fails the test unless both texts are the same JSON.
func sameJSON(t testing.TB, got, want string) {
	t.Helper()
	var g, w any
	if err := json.Unmarshal([]byte(got), &g); err != nil {
		t.Fatalf("%v: %s", err, got)
	}
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		t.Fatalf("%v: %s", err, want)
	}
	a, _ := json.Marshal(g) // what was decoded encodes
	b, _ := json.Marshal(w) // as above
	if string(a) != string(b) {
		t.Errorf("got  %s\nwant %s", a, b)
	}
}
