package plugintest

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// FuzzChatStream answers streamed chats of a translating provider with whatever
// the fuzzer makes of the seeds. The translation must not panic or hang, and an
// answer that it takes for whole must be one: with chunks that are JSON, each
// choice with a reason for its end. key is the endpoint's, settings make those of
// an endpoint at url.
func FuzzChatStream(f *testing.F, p provider.Provider, key string, settings func(url string) Settings, contentType string, seeds ...[]byte) {
	for _, seed := range seeds {
		f.Add(seed)
		f.Add(seed[:len(seed)/2])
		f.Add(seed[len(seed)/3:])
	}
	var answer atomic.Pointer[[]byte]
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // a failure is seen by the plugin
		Write(w, http.StatusOK, contentType, string(*answer.Load()))
	}))
	f.Cleanup(server.Close)
	raw, err := json.Marshal(settings(server.URL))
	if err != nil {
		f.Fatal(err)
	}
	full, _ := p.Describe().Settings.Check(raw)
	opened, err := p.Open(f.Context(), provider.EndpointConfig{ID: "e", Revision: 1, Credential: provider.NewSecret(key), Settings: provider.NewSettings(full)})
	if err != nil {
		f.Fatal(err)
	}
	streamer := opened.(provider.ChatStreamer)
	f.Fuzz(func(t *testing.T, body []byte) {
		answer.Store(&body)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		req := &provider.ChatRequest{
			Model: "m", Messages: []provider.Message{{Role: "user", Content: provider.TextContent("hi")}},
			Stream: true, StreamOptions: &provider.StreamOptions{IncludeUsage: true}, Call: Request(provider.OpChat, "{}"),
		}
		out := &heard{ended: map[int]bool{}}
		if _, err := streamer.StreamChat(ctx, req, provider.NewChatWriter(out)); err == nil {
			out.check(t)
		}
		if ctx.Err() != nil {
			t.Error("it hangs")
		}
	})
}

// heard is the sink of a fuzzed stream.
type heard struct {
	starts int
	ended  map[int]bool // by choice, whether it had its reason
	bad    []string
}

// Start implements [provider.Sink].
func (h *heard) Start(provider.Meta) error {
	h.starts++
	return nil
}

// Usage implements [provider.Sink].
func (h *heard) Usage(provider.Usage) error { return nil }

// Send implements [provider.Sink].
func (h *heard) Send(chunks ...[]byte) error {
	for _, data := range chunks {
		var c provider.ChatChunk
		if json.Unmarshal(data, &c) != nil {
			h.bad = append(h.bad, string(data))
		}
		for _, choice := range c.Choices {
			h.ended[choice.Index] = h.ended[choice.Index] || choice.FinishReason != nil && *choice.FinishReason != ""
		}
	}
	return nil
}

// check looks at a stream that is whole.
func (h *heard) check(t *testing.T) {
	if h.starts > 1 || len(h.bad) > 0 || len(h.ended) == 0 {
		t.Errorf("a whole answer with %d starts, %d choices and the broken chunks %q", h.starts, len(h.ended), h.bad)
	}
	for index, ended := range h.ended {
		if !ended {
			t.Errorf("choice %d of a whole answer has no reason for its end", index)
		}
	}
}
