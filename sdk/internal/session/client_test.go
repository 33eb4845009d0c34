package session_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/sdk/internal/session"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// echo answers a call with its body, and a stream with a chunk for each byte of it.
var echo = handler{
	call: func(_ context.Context, req *provider.Request) (*provider.Response, error) {
		return &provider.Response{Meta: provider.Meta{Model: req.Model}, Body: req.Body}, nil
	},
	stream: func(_ context.Context, req *provider.Request, send func(provider.Event) error) error {
		if err := send(provider.Event{Kind: provider.EventStarted, Meta: &provider.Meta{Model: req.Model}}); err != nil {
			return err
		}
		for i := range req.Body {
			if err := send(provider.Event{Kind: provider.EventData, Chunks: [][]byte{req.Body[i : i+1]}}); err != nil {
				return err
			}
		}
		return send(provider.Event{Kind: provider.EventFinished, Finish: &provider.Finish{Reason: "stop"}})
	},
}

func TestBodiesOfAllSizesPassWhole(t *testing.T) {
	t.Parallel()
	c := dial(t, echo)
	for _, size := range []int{0, 1, 1000, 64<<10 - 1, 64 << 10, 64<<10 + 1, 200 << 10, 5 << 20} {
		body := bytes.Repeat([]byte("0123456789abcdef"), size/16+1)[:size]
		res, err := c.Call(t.Context(), chat(body))
		if err != nil {
			t.Fatalf("%d bytes: %v", size, err)
		}
		if !bytes.Equal(res.Body, body) || res.Model != "gpt-4o-mini" {
			t.Errorf("%d bytes: got %d bytes, model %q", size, len(res.Body), res.Model)
		}
		if cap(res.Body) > len(res.Body)+len(res.Body)/4+8 {
			t.Errorf("%d bytes: the body holds memory for %d", size, cap(res.Body))
		}
	}
}

// The model comes from the caller's body and travels whole, in a message that has
// the frames of others, too.
func TestAnEnvelopeThatIsTooLargeForASessionIsNotSent(t *testing.T) {
	t.Parallel()
	c := dial(t, echo)
	req := chat([]byte("hello"))
	req.Model = strings.Repeat("m", 257<<10)
	if _, err := c.Call(t.Context(), req); !errors.Is(err, session.ErrNotSent) {
		t.Errorf("a call: %v", err)
	}
	if _, err := c.Stream(t.Context(), req); !errors.Is(err, session.ErrNotSent) {
		t.Errorf("a stream: %v", err)
	}
	req.Model = strings.Repeat("m", 200<<10)
	if res, err := c.Call(t.Context(), req); err != nil || res.Model != req.Model {
		t.Errorf("a smaller one: %v", err)
	}
}

func TestStreamsDeliverAllChunksInOrder(t *testing.T) {
	t.Parallel()
	c := dial(t, echo)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			body := bytes.Repeat([]byte("0123456789abcdef"), 100)
			stream, err := c.Stream(t.Context(), chat(body))
			if err != nil {
				t.Error(err)
				return
			}
			defer stream.Close()
			var got []byte
			var kinds []provider.EventKind
			for {
				event, err := stream.Next()
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					t.Error(err)
					return
				}
				if event.Kind != provider.EventData {
					kinds = append(kinds, event.Kind)
				}
				for _, chunk := range event.Chunks {
					got = append(got, chunk...)
				}
			}
			if !bytes.Equal(got, body) {
				t.Errorf("got %d bytes, want %d", len(got), len(body))
			}
			if len(kinds) != 2 || kinds[0] != provider.EventStarted || kinds[1] != provider.EventFinished {
				t.Errorf("got events %v", kinds)
			}
		})
	}
	wg.Wait()
}

// TestCreditComesBack reads a stream that is many times larger than its credit.
func TestCreditComesBack(t *testing.T) {
	t.Parallel()
	const events, size = 200, 10 << 10
	c := dial(t, handler{stream: func(_ context.Context, _ *provider.Request, send func(provider.Event) error) error {
		if err := send(provider.Event{Kind: provider.EventStarted}); err != nil {
			return err
		}
		chunk := make([]byte, size)
		for range events {
			if err := send(provider.Event{Kind: provider.EventData, Chunks: [][]byte{chunk}}); err != nil {
				return err
			}
		}
		return send(provider.Event{Kind: provider.EventFinished})
	}})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // it hangs if credit does not come
	defer cancel()
	stream, err := c.Stream(ctx, chat(nil))
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	got := 0
	for {
		event, err := stream.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, chunk := range event.Chunks {
			got += len(chunk)
		}
	}
	if got != events*size {
		t.Errorf("got %d bytes, want %d", got, events*size)
	}
}
