package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/plugins/internal/plugintest"
	"github.com/backplane-dev/backplane/sdk/client"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// A key as Google makes them, and one that no pattern recognises.
const (
	testKey  = "AIzaSyAbc123Abc123Abc123Abc123Abc123Abc"
	plainKey = "correct horse battery staple"
)

// newService starts a fake of the Generative Language API, written from its
// description. It holds requests and answers against the description where that
// is at hand. It answers with a file in testdata or, without one, says the last
// text back.
func newService(t testing.TB, answer string) *plugintest.Service {
	t.Helper()
	check := func(r *http.Request, body []byte) { description().CheckRequest(t, described(r), body) }
	return plugintest.NewService(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case answer == "":
			healthy(w, r)
		case strings.HasSuffix(answer, ".sse"):
			w.Header().Set("Content-Type", "text/event-stream")
			for event := range bytes.SplitAfterSeq(plugintest.Testdata(t, answer), []byte("\n\n")) {
				checkEvent(t, event)
				_, _ = w.Write(event) // a failure is seen by the reader
				w.(http.Flusher).Flush()
			}
		default:
			data := plugintest.Testdata(t, answer)
			description().CheckAnswer(t, described(r), "application/json", data)
			plugintest.Write(w, http.StatusOK, "application/json; charset=UTF-8", string(data))
		}
	}, check)
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
func healthy(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the caller left
	}
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

// says answers with a status, a content type and a body.
func says(status int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { plugintest.Write(w, status, contentType, body) }
}

// open serves the plugin over the real wire, with an endpoint at url.
func open(t testing.TB, url string) *client.Conn {
	t.Helper()
	return plugintest.Open(t, New(), plugintest.Settings{"base_url": url}, testKey)
}

// chat calls chat with the given fields of the body and decodes the answer.
func chat(t testing.TB, conn *client.Conn, body string) (*provider.ChatResponse, *provider.Response) {
	t.Helper()
	got, err := conn.Call(t.Context(), plugintest.Request(provider.OpChat, body))
	if err != nil {
		t.Fatal(err)
	}
	answer := &provider.ChatResponse{}
	if err := json.Unmarshal(got.Body, answer); err != nil {
		t.Fatal(err)
	}
	return answer, got
}

// typed decodes the chunks of a stream.
func typed(t testing.TB, s plugintest.Streamed) []provider.ChatChunk {
	t.Helper()
	all := make([]provider.ChatChunk, len(s.Chunks))
	for i, c := range s.Chunks {
		if err := json.Unmarshal([]byte(c), &all[i]); err != nil {
			t.Fatal(err)
		}
	}
	return all
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
