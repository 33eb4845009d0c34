package endpoint

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// Stream runs an operation that answers with chunks. It returns at the commit
// point: the service has answered and the first chunk, or the end of a stream
// without chunks, is there. Retries happen before it and are invisible; an
// error after it ends the stream. The stream keeps its slot until it ends or is
// closed, so Close it always.
//
// The report is valid also if Stream fails; errors are [*provider.Error].
func (e *Endpoint) Stream(ctx context.Context, req *provider.Request, how How) (provider.EventStream, status.Report, error) {
	r := e.begin(ctx, req, provider.ModeStream, how)
	if err := e.do(r); err != nil {
		return nil, r.report, err
	}
	report := r.reported(r.lastEnd) // before the stream can end
	r.stream.handOver()
	return r.stream, report, nil
}

// openStream makes the attempt of a stream, up to its commit point.
func (a *attempt) openStream() *provider.Error {
	in, err := a.r.e.backend.Stream(a.scope, a.req)
	if err != nil {
		return a.failure(err)
	}
	if in == nil {
		return errNoAnswer()
	}
	s := &stream{in: in}
	if err := s.open(a); err != nil {
		in.Close()
		return err
	}
	a.r.stream = s
	a.req.Body = nil // sent; it must not stay in memory for as long as the stream lasts
	return nil
}

// stream is a committed stream: first what was read up to the commit point,
// then the rest as it comes.
type stream struct {
	tail
	in    provider.EventStream
	head  []provider.Event
	spare [3]provider.Event // room for head: started, usage, and what committed
	over  error             // what Next returns from now on; nil before the end
}

// open reads up to the commit point.
func (s *stream) open(a *attempt) *provider.Error {
	s.tail.a, s.tail.shut = a, s.in.Close
	s.head = s.spare[:0]
	for {
		ev, err := s.in.Next()
		if err != nil {
			return s.failure(err)
		}
		switch ev.Kind {
		case provider.EventStarted:
			s.keep(ev)
			if ev.Meta != nil {
				a.observe(ev.Meta.RateLimits, time.Now())
			}
		case provider.EventUsage:
			s.keep(ev)
			s.usage.Store(ev.Usage)
		case provider.EventData, provider.EventFinished:
			return s.commit(ev)
		}
	}
}

// commit is the commit point: ev is the first chunk or the end.
func (s *stream) commit(ev provider.Event) *provider.Error {
	if err := s.a.commit(); err != nil {
		return err
	}
	s.head = append(s.head, ev)
	if ev.Kind == provider.EventData {
		s.a.r.firstToken = max(time.Since(s.a.start), 1)
	}
	return nil
}

// keep stores an event from before the commit point; a later one of the same
// kind replaces it.
func (s *stream) keep(ev provider.Event) {
	for i := range s.head {
		if s.head[i].Kind == ev.Kind {
			s.head[i] = ev
			return
		}
	}
	s.head = append(s.head, ev)
}

// handOver makes the committed stream ready for the caller.
func (s *stream) handOver() {
	if last := s.head[len(s.head)-1]; last.Kind == provider.EventFinished {
		s.finish(last.Finish)
		return
	}
	s.watch()
}

// Next implements [provider.EventStream].
func (s *stream) Next() (provider.Event, error) {
	if len(s.head) > 0 {
		ev := s.head[0]
		s.head = s.head[1:]
		return ev, nil
	}
	if s.over != nil {
		return provider.Event{}, s.over
	}
	s.idle.wait()
	ev, err := s.next()
	s.idle.done(err == nil && ev.Kind != provider.EventHeartbeat)
	if err != nil {
		failed := s.failure(err)
		s.over = failed
		s.end(failed)
		return provider.Event{}, failed
	}
	switch ev.Kind {
	case provider.EventUsage:
		s.usage.Store(ev.Usage)
	case provider.EventFinished:
		s.finish(ev.Finish)
	}
	return ev, nil
}

// next asks the plugin for an event.
func (s *stream) next() (ev provider.Event, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = s.a.panicked(p)
		}
	}()
	return s.in.Next()
}

// finish is the proper end of the stream.
func (s *stream) finish(f *provider.Finish) {
	if f != nil && f.Usage != nil {
		s.usage.Store(f.Usage)
	}
	s.over = io.EOF
	s.end(nil)
}

// failure makes the error for the caller of what the plugin's stream ended with.
func (s *stream) failure(err error) *provider.Error {
	if errors.Is(err, io.EOF) {
		return &provider.Error{
			Code: provider.CodeProtocol, Source: provider.SourcePlugin, Cause: err,
			Message: "the provider's stream ended before it was finished",
		}
	}
	return s.a.failure(err)
}

// Close implements [provider.EventStream]. A stream that has not ended is
// cancelled.
func (s *stream) Close() { s.leave() }
