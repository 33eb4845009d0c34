package host_test

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/host"
)

// silentModels is a host with an endpoint whose service does not answer before
// the returned function is called.
func silentModels(t *testing.T) (h *host.Host, asked <-chan struct{}, answer func()) {
	t.Helper()
	release, requests := make(chan struct{}), make(chan struct{}, 100)
	url := fakeService(t, func(w http.ResponseWriter, r *http.Request) {
		requests <- struct{}{}
		select {
		case <-release:
			_, _ = w.Write([]byte(`{"object":"list","data":[{"id":"m-1","object":"model"}]}`))
		case <-r.Context().Done():
		}
	})
	h = start(t, `
provider "openai" {}
endpoint "o" {
  provider = "openai"
  api_key  = "k"
  settings { base_url = "`+url+`" }
}
`)
	answer = sync.OnceFunc(func() { close(release) })
	t.Cleanup(answer)
	return h, requests, answer
}

func TestWhoLeavesDoesNotWaitForAnothersQuestionForModels(t *testing.T) {
	t.Parallel()
	h, asked, _ := silentModels(t)
	go func() { _, _ = h.Models(context.WithoutCancel(t.Context())) }()
	<-asked
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	begin := time.Now()
	if _, err := h.Models(ctx); err == nil {
		t.Error("got a list though the time was up")
	}
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("who had 50ms got away after %v", took)
	}
}

func TestAllWhoWaitForModelsShareOneQuestion(t *testing.T) {
	t.Parallel()
	h, asked, answer := silentModels(t)
	var wg sync.WaitGroup
	for range 5 {
		wg.Go(func() {
			models, err := h.Models(t.Context())
			if err != nil || len(models) != 2 {
				t.Errorf("got %v, %v", models, err)
			}
		})
	}
	<-asked
	answer()
	wg.Wait()
	if _, err := h.Models(t.Context()); err != nil {
		t.Error(err)
	}
	if more := len(asked); more > 0 {
		t.Errorf("the service was asked %d times", 1+more)
	}
}

func TestAServiceThatListsNoModelsIsAskedOnceAndNotHeldAgainstTheEndpoint(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	url := fakeService(t, func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.WriteHeader(http.StatusBadGateway)
	})
	h := start(t, `
provider "openai" {}
endpoint "down" {
  provider = "openai"
  api_key  = "k"
  settings { base_url = "`+url+`" }
}
endpoint "keyless" {
  provider = "openai"
  settings { base_url = "`+url+`" }
}
`)
	for range 3 {
		models, err := h.Models(t.Context())
		if err != nil || len(models) != 2 {
			t.Errorf("got %v, %v, want the two endpoints", models, err)
		}
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("the service was asked %d times, want once", n)
	}
	for _, s := range h.AllStats() {
		if s.Requests != 0 || s.Circuit.Total != 0 {
			t.Errorf("%s: %d requests, %d attempts in the breaker's window", s.Endpoint, s.Requests, s.Circuit.Total)
		}
	}
}
