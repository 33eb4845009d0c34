package openaicompat

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// TestHeadersAreThoseOfTheirRequest calls with ever other headers, whose memory is
// used again.
func TestHeadersAreThoseOfTheirRequest(t *testing.T) {
	t.Parallel()
	const ours = 4 // those that differ
	names := [ours]string{"X-Request", "Authorization", "X-One", "X-Two"}
	s := newService(t, func(w http.ResponseWriter, r *http.Request) {
		var got [ours]string
		for i, name := range names {
			got[i] = strings.Join(r.Header.Values(name), "+")
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"choices":[],"got":%q}`, strings.Join(got[:], " "))
	})
	s.requests = nil
	e := s.open(t, dialect(func(d *Dialect) {
		d.RequestIDHeader, d.ForwardHeaders = "X-Request", []string{"x-one", "x-two"}
	}), nil)
	var wait sync.WaitGroup
	for worker := range 4 {
		wait.Go(func() {
			for i := range 64 {
				req := &provider.Request{Operation: provider.OpChat, Body: []byte(`{}`)}
				want := [ours]string{1: "Bearer key-of-endpoint"}
				own := fmt.Sprintf("%d-%d", worker, i)
				if i&1 != 0 {
					req.RequestID, want[0] = own, own
				}
				if i&2 != 0 {
					req.Credential, want[1] = provider.NewSecret(own), "Bearer "+own
				}
				if i&4 != 0 {
					req.Header, want[2] = map[string]string{"x-one": own}, own
				}
				if i&8 != 0 {
					req.Header, want[2], want[3] = map[string]string{"x-one": "1", "x-two": own}, "1", own
				}
				resp, err := e.Call(t.Context(), req)
				if err != nil || string(resp.Body) != fmt.Sprintf(`{"choices":[],"got":%q}`, strings.Join(want[:], " ")) {
					t.Errorf("want %q, got %v, %v", want, resp, err)
					return
				}
			}
		})
	}
	wait.Wait()
}

// TestTheHeaderOfAStreamIsItsOwn while calls come and go: errors in the stream are
// cleaned of the key that it was asked for with.
func TestTheHeaderOfAStreamIsItsOwn(t *testing.T) {
	t.Parallel()
	const key = "key-of-the-stream"
	out := &sink{}
	stream := oneByOne(out, event(wordChunk), event(`{"error":{"message":"bad key `+key+`"}}`))
	s := newService(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "Bearer "+key {
			stream(w, r)
			return
		}
		answerJSON(200, `{"choices":[]}`)(w, r)
	})
	s.requests = nil
	e := s.open(t, dialect(nil), nil)
	passed := out.onSend
	out.onSend = func() {
		for range 8 {
			if _, err := e.Call(t.Context(), &provider.Request{Operation: provider.OpChat, Credential: provider.NewSecret("another"), Body: []byte(`{}`)}); err != nil {
				t.Error(err)
			}
		}
		passed()
	}
	_, err := e.Stream(t.Context(), &provider.Request{Operation: provider.OpChat, Credential: provider.NewSecret(key), Body: []byte(`{}`)}, out)
	if err == nil || strings.Contains(err.Error(), key) || !strings.Contains(err.Error(), "bad key") {
		t.Errorf("got %v", err)
	}
}
