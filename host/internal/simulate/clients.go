package simulate

import (
	"context"
	"errors"
	"time"

	"github.com/backplane-dev/backplane/host/internal/endpoint"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// arrive lets clients come as the load says, until the world's end.
func (s *simulation) arrive() {
	for _, span := range s.world.rates() {
		if span.Burst > 0 {
			s.clients.Go(func() { s.bursts(span) })
		}
		if span.Rate > 0 {
			s.clients.Go(func() { s.flow(span) })
		}
	}
}

// flow lets clients come one by one, at random moments.
func (s *simulation) flow(span span) {
	mean := time.Duration(float64(time.Second) / span.Rate)
	time.Sleep(time.Duration(span.From))
	for {
		time.Sleep(s.dice.exponential(mean))
		if time.Since(s.start) >= span.until {
			return
		}
		s.clients.Go(s.client)
	}
}

// bursts lets many clients come at once, again and again.
func (s *simulation) bursts(span span) {
	for at := time.Duration(span.From); at < span.until; at += time.Duration(span.Every) {
		time.Sleep(time.Until(s.start.Add(at)))
		for range span.Burst {
			s.clients.Go(s.client)
		}
		if span.Every <= 0 {
			return
		}
	}
}

// client is one caller with its request, and comes again if it must.
func (s *simulation) client() {
	arrived := time.Now()
	s.record.arrived(s.second(arrived))
	for try := 0; ; try++ {
		failure := s.ask()
		if failure == nil {
			s.record.served(s.second(time.Now()), time.Since(arrived))
			return
		}
		if try >= s.world.Clients.Retries {
			return
		}
		pause := max(failure.RetryAfter, time.Duration(s.world.Clients.Pause))
		time.Sleep(pause/2 + time.Duration(s.dice.uniform()*float64(pause)))
	}
}

// ask makes the client's request once.
func (s *simulation) ask() *provider.Error {
	asked := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(s.world.Clients.Patience))
	defer cancel()
	req := &provider.Request{Operation: provider.OpChat, RequestID: "simulated", Body: []byte(`{}`)}
	_, report, err := s.endpoint.Call(ctx, req, endpoint.How{})
	s.record.asked(report.Attempts)
	if err == nil {
		s.record.waited(s.second(time.Now()), report.QueueWait)
		return nil
	}
	var failure *provider.Error
	if !errors.As(err, &failure) {
		panic("the engine's error is none of its own: " + err.Error())
	}
	s.record.failed(s.second(time.Now()), failure, time.Since(asked))
	return failure
}
