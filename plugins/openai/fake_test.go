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
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/plugins/internal/plugintest"
	"github.com/backplane-dev/backplane/sdk/client"
	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/providertest"
)

// A key as OpenAI makes them, and one that no pattern recognises.
const (
	testKey  = "sk-proj-Abc123Abc123Abc123Abc123"
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

// received is a request that the fake platform got.
type received struct {
	method, path, contentType string
	header                    http.Header
	body                      []byte
}

// platform is a fake of the OpenAI platform, written from its description. It
// answers each path with the file in testdata/answers, or in testdata/streams
// if a stream is asked for, and holds requests and answers against the
// description where that is at hand.
type platform struct {
	t        testing.TB
	url      string
	spec     *plugintest.Spec
	requests chan received
}

func newPlatform(t testing.TB) *platform {
	t.Helper()
	p := &platform{t: t, spec: openAISpec(), requests: make(chan received, 64)}
	server := httptest.NewServer(p)
	t.Cleanup(server.Close)
	p.url = server.URL
	return p
}

// answers are the files for a method and path.
var answers = map[string]string{
	"POST /chat/completions":       "chat",
	"POST /completions":            "completions",
	"POST /responses":              "responses",
	"POST /embeddings":             "embeddings",
	"POST /moderations":            "moderations",
	"POST /images/generations":     "images",
	"POST /images/edits":           "images",
	"POST /audio/transcriptions":   "transcription",
	"POST /audio/translations":     "translation",
	"POST /files":                  "file",
	"GET /files":                   "files",
	"GET /files/file-1":            "file",
	"DELETE /files/file-1":         "deleted",
	"POST /batches":                "batch",
	"GET /batches":                 "batches",
	"GET /batches/batch_1":         "batch",
	"POST /batches/batch_1/cancel": "batch",
	"GET /models":                  "models",
}

// Bytes that are not JSON.
var (
	speech      = []byte("ID3\x04\x00\xff\xfb\x90")
	fileContent = []byte("{\"custom_id\":\"1\"}\n{\"custom_id\":\"2\"}\n")
)

// ServeHTTP implements [http.Handler].
func (p *platform) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the caller left
	}
	r.URL.Path = strings.TrimPrefix(r.URL.Path, "/v1")
	p.requests <- received{r.Method, r.URL.RequestURI(), r.Header.Get("Content-Type"), r.Header, body}
	p.spec.CheckRequest(p.t, r, body)

	h := w.Header()
	h.Set("x-request-id", "req_platform")
	h.Set("openai-processing-ms", "42")
	h.Set("x-ratelimit-limit-requests", "5000")
	h.Set("x-ratelimit-remaining-requests", "4999")
	h.Set("x-ratelimit-reset-requests", "12ms")
	switch name, known := answers[r.Method+" "+r.URL.Path]; {
	case r.URL.Path == "/audio/speech":
		h.Set("Content-Type", "audio/mpeg")
		p.write(w, speech)
	case r.URL.Path == "/files/file-1/content":
		h.Set("Content-Type", "application/octet-stream")
		p.write(w, fileContent)
	case !known:
		http.NotFound(w, r)
	case wantsStream(body):
		p.stream(w, name, body)
	default:
		h.Set("Content-Type", "application/json")
		if bytes.Contains(body, []byte(`"encoding_format":"base64"`)) {
			// The official client asks for it; the description has lists only.
			p.write(w, testdata(p.t, "answers/"+name+"_base64.json"))
			return
		}
		data := testdata(p.t, "answers/"+name+".json")
		p.spec.CheckAnswer(p.t, r, "application/json", data)
		p.write(w, data)
	}
}

func (p *platform) write(w io.Writer, data []byte) {
	if _, err := w.Write(data); err != nil {
		p.t.Log(err)
	}
}

// stream sends a recorded stream, each event flushed. Usage comes only if it
// was asked for.
func (p *platform) stream(w http.ResponseWriter, name string, body []byte) {
	if bytes.Contains(body, []byte(`"tools"`)) {
		name += "_tools"
	}
	w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	for event := range bytes.SplitAfterSeq(testdata(p.t, "streams/"+name+".sse"), []byte("\n\n")) {
		if bytes.Contains(event, []byte(`"choices":[]`)) && !bytes.Contains(body, []byte(`"include_usage":true`)) {
			continue
		}
		p.write(w, event)
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

// open serves the plugin over the real wire, with an endpoint "e" at url.
func open(t testing.TB, url string, settings map[string]any) *client.Conn {
	t.Helper()
	return openWithKey(t, url, testKey, settings)
}

func openWithKey(t testing.TB, url, key string, settings map[string]any) *client.Conn {
	t.Helper()
	all := map[string]any{"base_url": url + "/v1"}
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
