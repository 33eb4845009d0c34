package endpoint

import (
	"context"
	"testing"

	"github.com/backplane-dev/backplane/host/config"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// instant is a fake backend that answers at once.
type instant struct{ resp provider.Response }

func (b *instant) Call(context.Context, *provider.Request) (*provider.Response, error) {
	return &b.resp, nil
}

func (b *instant) Stream(context.Context, *provider.Request) (provider.EventStream, error) {
	return &endless{}, nil
}

func (b *instant) Transfer(context.Context, *provider.TransferRequest) (*provider.TransferResponse, error) {
	return nil, &provider.Error{Code: provider.CodeUnsupported}
}

// endless is a stream of chunks without an end.
type endless struct{ chunks [1][]byte }

func (s *endless) Next() (provider.Event, error) {
	return provider.Event{Kind: provider.EventData, Chunks: s.chunks[:]}, nil
}

func (s *endless) Close() {}

func benched(policy config.Policy) *Endpoint {
	return New(Config{ID: "e", Provider: "fake", Manifest: manifest(), Policy: policy, Backend: &instant{}})
}

func BenchmarkCall(b *testing.B) {
	e := benched(config.DefaultPolicy())
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	req := chat()
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := e.Call(ctx, req, How{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCallContended(b *testing.B) {
	policy := config.DefaultPolicy()
	policy.Queue.MaxConcurrent, policy.Queue.Enabled = 8, false
	e := benched(policy)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	b.ReportAllocs()
	b.SetParallelism(32) // 64 goroutines on two cores
	b.RunParallel(func(pb *testing.PB) {
		req := chat()
		for pb.Next() {
			if _, _, err := e.Call(ctx, req, How{}); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

func BenchmarkStreamOpenAndClose(b *testing.B) {
	e := benched(config.DefaultPolicy())
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	req := chat()
	b.ReportAllocs()
	for b.Loop() {
		s, _, err := e.Stream(ctx, req, How{})
		if err != nil {
			b.Fatal(err)
		}
		s.Close()
	}
}

func BenchmarkChunk(b *testing.B) {
	for name, idle := range map[string]config.Policy{"no idle timeout": config.DefaultPolicy(), "idle timeout": idling()} {
		b.Run(name, func(b *testing.B) {
			s, _, err := benched(idle).Stream(context.Background(), chat(), How{})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Next(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func idling() config.Policy {
	p := config.DefaultPolicy()
	p.IdleTimeout = 20e9
	return p
}

func BenchmarkRefusedByCircuit(b *testing.B) {
	policy := alone()
	policy.Breaker.Enabled, policy.Breaker.ConsecutiveFailures = true, 1
	policy.Breaker.OpenFor = 1e9
	e, _ := build(policy, script(func(int) error { return upstreamError() }))
	_, _, _ = e.Call(context.Background(), chat(), How{})
	b.ReportAllocs()
	for b.Loop() {
		_, _, _ = e.Call(context.Background(), chat(), How{})
	}
}
