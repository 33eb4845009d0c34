package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/backplane-dev/backplane/sdk/client"
	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/providertest"
)

// A key as Anthropic makes them, and one that no pattern recognises.
const (
	testKey  = "sk-ant-api03-Abc123Abc123Abc123"
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

// received is a request that the fake got.
type received struct {
	method, path string
	header       http.Header
	body         []byte
}

// platform is a fake of Anthropic's API, written from its description, against
// which it holds requests and its own answers where that is at hand.
type platform struct {
	t        testing.TB
	url      string
	answer   string // the file in testdata/answers or testdata/streams
	lenient  bool   // takes requests that the description does not have
	requests chan received
}

func newPlatform(t testing.TB, answer string) *platform {
	t.Helper()
	p := &platform{t: t, answer: answer, requests: make(chan received, 64)}
	server := httptest.NewServer(p)
	t.Cleanup(server.Close)
	p.url = server.URL
	return p
}

// ServeHTTP implements [http.Handler].
func (p *platform) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the caller left
	}
	p.requests <- received{r.Method, r.URL.RequestURI(), r.Header, body}
	if err := checkRequest(r, body); err != nil && !p.lenient {
		p.t.Errorf("%s %s: the request does not fit the description: %.2000s\n%s", r.Method, r.URL.Path, err, body)
	}
	if r.Header.Get("Anthropic-Version") == "" {
		p.t.Error("there is no anthropic-version")
	}
	h := w.Header()
	h.Set("request-id", "req_platform")
	h.Set("anthropic-ratelimit-requests-limit", "50")
	h.Set("anthropic-ratelimit-requests-remaining", "49")
	name := p.answer
	switch r.URL.Path {
	case pathCount:
		name = "count"
	case pathModels:
		name = "models1"
		if r.URL.Query().Get("after_id") != "" {
			name = "models2"
		}
	}
	if wantsStream(body) {
		p.stream(w, name)
		return
	}
	data := testdata(p.t, "answers/"+name+".json")
	h.Set("Content-Type", "application/json")
	checkAnswer(p.t, r, data)
	_, _ = w.Write(data)
}

// stream sends a recorded stream, each event flushed.
func (p *platform) stream(w http.ResponseWriter, name string) {
	w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	for event := range bytes.SplitAfterSeq(testdata(p.t, "streams/"+name+".sse"), []byte("\n\n")) {
		_, _ = w.Write(event)
		w.(http.Flusher).Flush()
	}
}

func wantsStream(body []byte) bool {
	var b struct {
		Stream bool `json:"stream"`
	}
	return json.Unmarshal(body, &b) == nil && b.Stream
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

// say answers every request with the same.
func say(t testing.TB, contentType, body string) string {
	t.Helper()
	return serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		_, _ = io.WriteString(w, body)
	})
}

// open serves the plugin over the real wire, with an endpoint "e" at url.
func open(t testing.TB, url string, settings map[string]any) *client.Conn {
	t.Helper()
	return openWithKey(t, url, testKey, settings)
}

func openWithKey(t testing.TB, url, key string, settings map[string]any) *client.Conn {
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
		ID: "e", Revision: 1, Credential: provider.NewSecret(key), Settings: provider.NewSettings(raw),
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

// streamed is what came of a stream.
type streamed struct {
	meta   *provider.Meta
	chunks []string
	usage  *provider.Usage
	finish *provider.Finish
}

// readStream reads a stream to its end.
func readStream(s provider.EventStream) (streamed, error) {
	defer s.Close()
	var got streamed
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

// stream calls an operation as a stream and reads it.
func stream(t testing.TB, conn *client.Conn, req *provider.Request) (streamed, error) {
	t.Helper()
	s, err := conn.Stream(t.Context(), req)
	if err != nil {
		return streamed{}, err
	}
	return readStream(s)
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

// decode reads JSON with its numbers as they are.
func decode(t testing.TB, text string, v any) {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader([]byte(text)))
	dec.UseNumber()
	if err := dec.Decode(v); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
}
