package host

import (
	"runtime"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/host/config"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// A stream can last for hours; the body that asked for it must not.
func TestAStreamDoesNotKeepTheBodyInMemory(t *testing.T) {
	t.Parallel()
	h := world(ordered(), part{id: "a", backend: &silent{}, policy: func(p *config.Policy) { p.Stats.Recent = false }})
	stream, freed := openLarge(t, h)
	defer stream.Close()
	deadline := time.After(10 * time.Second)
	for {
		runtime.GC()
		select {
		case <-freed:
			return
		case <-deadline:
			t.Fatal("the body is still in memory while the stream runs")
		case <-time.After(time.Millisecond):
		}
	}
}

// openLarge opens a stream. freed is closed when the body that asked for it has
// gone from memory.
//
//go:noinline
func openLarge(t *testing.T, h *Host) (stream provider.EventStream, freed <-chan struct{}) {
	t.Helper()
	body, gone := make([]byte, 1<<20), make(chan struct{})
	runtime.AddCleanup(&body[0], func(gone chan struct{}) { close(gone) }, gone)
	req := chatRequest()
	req.Body = body
	stream, err := h.Stream(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	return stream, gone
}
