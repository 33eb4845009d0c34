package simulate

import (
	"context"
	"errors"
	"math"
	"sync"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// service is the simulated service behind the endpoint. It implements
// endpoint.Backend for calls.
type service struct {
	world World
	start time.Time
	dice  *dice
	slots chan struct{} // the runtime serves those who wait for it in order

	mu      sync.Mutex
	level   float64 // of the rate limit's bucket
	filled  time.Time
	calls   int // that arrived
	refused int // for the rate
}

func newService(w World, start time.Time, dice *dice) *service {
	return &service{
		world: w, start: start, dice: dice, slots: make(chan struct{}, w.Service.Capacity),
		level: float64(w.Service.RequestsPerMinute), filled: start,
	}
}

// Call implements endpoint.Backend.
func (s *service) Call(ctx context.Context, _ *provider.Request) (*provider.Response, error) {
	meta, refused := s.admit()
	if refused != nil {
		return nil, refused
	}
	fault := s.fault()
	switch {
	case fault == nil:
	case fault.Kind == "error":
		return nil, &provider.Error{Code: provider.CodeUpstream, StatusCode: 500, Source: provider.SourceUpstream, Message: "simulated outage"}
	case fault.Kind == "hang":
		<-ctx.Done()
		return nil, ended(ctx)
	}
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	case <-ctx.Done():
		return nil, ended(ctx)
	}
	d := s.work()
	if fault != nil && fault.Kind == "slow" {
		d = time.Duration(float64(d) * fault.Factor)
	}
	select {
	case <-time.After(d):
		return &provider.Response{Meta: meta, Body: []byte(`{}`)}, nil
	case <-ctx.Done():
		return nil, ended(ctx)
	}
}

// Stream implements endpoint.Backend.
func (*service) Stream(context.Context, *provider.Request) (provider.EventStream, error) {
	return nil, errors.ErrUnsupported
}

// Transfer implements endpoint.Backend.
func (*service) Transfer(context.Context, *provider.TransferRequest) (*provider.TransferResponse, error) {
	return nil, errors.ErrUnsupported
}

// admit counts a call and applies the rate limit.
func (s *service) admit() (provider.Meta, *provider.Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	limit := s.world.Service.RequestsPerMinute
	if limit == 0 {
		return provider.Meta{}, nil
	}
	now, perSecond := time.Now(), float64(limit)/60
	s.level = min(float64(limit), s.level+now.Sub(s.filled).Seconds()*perSecond)
	s.filled = now
	if s.level < 1 {
		s.refused++
		return provider.Meta{}, &provider.Error{
			Code: provider.CodeRateLimit, StatusCode: 429, Source: provider.SourceUpstream, Message: "simulated rate limit",
			RetryAfter: time.Duration((1 - s.level) / perSecond * float64(time.Second)),
		}
	}
	s.level--
	if !s.world.Service.Announces {
		return provider.Meta{}, nil
	}
	return provider.Meta{RateLimits: []provider.RateLimit{{
		Meter: "requests", Limit: int64(limit), Remaining: int64(s.level),
		Reset: time.Duration((float64(limit) - s.level) / perSecond * float64(time.Second)),
	}}}, nil
}

// fault is what a call that arrives now meets, nil if nothing.
func (s *service) fault() *Fault {
	at := time.Since(s.start)
	for i := range s.world.Faults {
		f := &s.world.Faults[i]
		if at >= time.Duration(f.From) && at < time.Duration(f.To) && (f.Share >= 1 || s.dice.uniform() < f.Share) {
			return f
		}
	}
	return nil
}

// work is the time that a request takes.
func (s *service) work() time.Duration {
	mean := time.Duration(s.world.Service.Time)
	switch s.world.Service.Spread {
	case "exponential":
		return s.dice.exponential(mean)
	case "lognormal": // with sigma 1 the mean is exp(mu + 1/2)
		return time.Duration(float64(mean) * math.Exp(s.dice.normal()-0.5))
	default:
		return mean
	}
}

func ended(ctx context.Context) error {
	code := provider.CodeCanceled
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		code = provider.CodeTimeout
	}
	return &provider.Error{Code: code, Source: provider.SourcePlugin, Message: "the call ended"}
}
