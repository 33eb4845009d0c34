package endpoint

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/eapache/go-resiliency/retrier"
	"golang.org/x/sync/semaphore"

	"github.com/backplane-dev/backplane/host/config"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// instant is a fake backend that answers at once, or with err.
type instant struct {
	resp provider.Response
	err  error
}

func (b *instant) Call(context.Context, *provider.Request) (*provider.Response, error) {
	if b.err != nil {
		return nil, b.err
	}
	return &b.resp, nil
}

func (b *instant) Stream(context.Context, *provider.Request) (provider.EventStream, error) {
	return &endless{}, nil
}

func (b *instant) Transfer(context.Context, *provider.TransferRequest) (*provider.TransferResponse, error) {
	return nil, &provider.Error{Code: provider.CodeUnsupported}
}

// watching is a fake backend that derives a context, as gRPC does.
type watching struct{ instant }

func (b *watching) Call(ctx context.Context, _ *provider.Request) (*provider.Response, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	return &b.resp, ctx.Err()
}

// asking is a fake backend that wants to know when to stop, and derives nothing.
type asking struct{ instant }

func (b *asking) Call(ctx context.Context, _ *provider.Request) (*provider.Response, error) {
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	default:
		return &b.resp, nil
	}
}

// endless is a stream of chunks without an end.
type endless struct{ chunks [1][]byte }

func (s *endless) Next() (provider.Event, error) {
	return provider.Event{Kind: provider.EventData, Chunks: s.chunks[:]}, nil
}

func (s *endless) Close() {}

func benched(b *testing.B, policy config.Policy, backend Backend) *Endpoint {
	b.Helper()
	e := New(Config{ID: "e", Provider: "fake", Manifest: manifest(), Policy: policy, Backend: backend})
	b.Cleanup(e.Close)
	b.ReportAllocs()
	return e
}

func answering() *instant {
	return &instant{resp: *good()}
}

// everything is a policy with all limits of time.
func everything() config.Policy {
	p := config.DefaultPolicy()
	p.AttemptTimeout, p.IdleTimeout = 30*time.Second, 20*time.Second
	return p
}

// serially calls f in one goroutine, each time with the context of one request.
func serially(b *testing.B, f func(ctx context.Context, req *provider.Request) error) {
	b.Helper()
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	req := chat()
	for b.Loop() {
		if err := f(ctx, req); err != nil {
			b.Fatal(err)
		}
	}
}

// crowded calls f in 64 goroutines, which is how callers arrive: each with a
// context and a request of its own.
func crowded(b *testing.B, f func(ctx context.Context, req *provider.Request) error) {
	b.Helper()
	b.SetParallelism(32) // on two processors
	b.RunParallel(func(pb *testing.PB) {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		req := chat()
		for pb.Next() {
			if err := f(ctx, req); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

func calling(e *Endpoint) func(context.Context, *provider.Request) error {
	return func(ctx context.Context, req *provider.Request) error {
		if _, _, err := e.Call(ctx, req, How{}); err != nil {
			return err
		}
		return nil
	}
}

// yardstick is the least that one would write without this package: a time
// limit, a semaphore and the retrier.
func yardstick(slots int64, backend Backend) func(context.Context, *provider.Request) error {
	sem := semaphore.NewWeighted(slots)
	retries := retrier.New(retrier.ExponentialBackoff(3, time.Second), nil)
	return func(ctx context.Context, req *provider.Request) error {
		ctx, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		return retries.RunCtx(ctx, func(ctx context.Context) error {
			if err := sem.Acquire(ctx, 1); err != nil {
				return err
			}
			defer sem.Release(1)
			_, err := backend.Call(ctx, req)
			return err
		})
	}
}

func BenchmarkCall(b *testing.B) { serially(b, calling(benched(b, everything(), answering()))) }

func BenchmarkCallAsked(b *testing.B) {
	serially(b, calling(benched(b, everything(), &asking{*answering()})))
}

func BenchmarkCallWatched(b *testing.B) {
	serially(b, calling(benched(b, everything(), &watching{*answering()})))
}

func BenchmarkCallYardstick(b *testing.B) {
	b.ReportAllocs()
	serially(b, yardstick(5, answering()))
}

func BenchmarkCallYardstickWatched(b *testing.B) {
	b.ReportAllocs()
	serially(b, yardstick(5, &watching{*answering()}))
}

// eight slots for 64 goroutines: seven of eight requests may have to wait.
func contended() config.Policy {
	p := everything()
	p.Queue.MaxConcurrent, p.Queue.Overload = 8, config.OverloadNone
	return p
}

func BenchmarkContended(b *testing.B) {
	crowded(b, calling(benched(b, contended(), answering())))
}

// Without waits for slots what is left is contention for the locks.
func BenchmarkContendedFree(b *testing.B) {
	p := contended()
	p.Queue.MaxConcurrent = 64
	crowded(b, calling(benched(b, p, answering())))
}

func BenchmarkContendedFreeYardstick(b *testing.B) {
	b.ReportAllocs()
	crowded(b, yardstick(64, answering()))
}

func BenchmarkContendedWatched(b *testing.B) {
	crowded(b, calling(benched(b, contended(), &watching{*answering()})))
}

func BenchmarkContendedYardstick(b *testing.B) {
	b.ReportAllocs()
	crowded(b, yardstick(8, answering()))
}

func BenchmarkStreamOpenAndClose(b *testing.B) {
	e := benched(b, everything(), answering())
	serially(b, func(ctx context.Context, req *provider.Request) error {
		s, _, err := e.Stream(ctx, req, How{})
		if err != nil {
			return err
		}
		s.Close()
		return nil
	})
}

func BenchmarkChunk(b *testing.B) {
	for name, policy := range map[string]config.Policy{"no idle timeout": config.DefaultPolicy(), "idle timeout": everything()} {
		b.Run(name, func(b *testing.B) {
			s, _, err := benched(b, policy, answering()).Stream(context.Background(), chat(), How{})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			for b.Loop() {
				if _, err := s.Next(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkRefusedByCircuit(b *testing.B) {
	e := benched(b, everything(), answering())
	e.OpenCircuit("", 0)
	serially(b, refused(e, provider.CodeCircuitOpen))
}

func BenchmarkRefusedByQueue(b *testing.B) {
	policy := everything()
	policy.Queue.MaxConcurrent, policy.Queue.Size = 1, 0
	e := benched(b, policy, answering())
	s, _, err := e.Stream(b.Context(), chat(), How{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	serially(b, refused(e, provider.CodeQueueFull))
}

// refused checks that calls are refused with the given code.
func refused(e *Endpoint, code provider.Code) func(context.Context, *provider.Request) error {
	return func(ctx context.Context, req *provider.Request) error {
		_, _, err := e.Call(ctx, req, How{})
		if provider.AsError(err).Code != code {
			return errors.Join(errors.New("not refused as it should be"), err)
		}
		return nil
	}
}
