package client

import (
	"context"
	"errors"
	"io"

	pb "github.com/backplane-dev/backplane/sdk/internal/providerpb"
	"github.com/backplane-dev/backplane/sdk/internal/wire"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// rpcStream is an event stream that travels as an RPC of its own. It holds the
// plugin to the order of events.
type rpcStream struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	recv   func() (*pb.StreamResponse, error)

	order order
	end   error // what all further Next return
}

// Next implements [provider.EventStream].
func (s *rpcStream) Next() (provider.Event, error) {
	for s.end == nil {
		event, known, err := s.next()
		if err != nil {
			s.end = err
			s.cancel(nil)
			break
		}
		if known {
			return event, nil
		}
	}
	return provider.Event{}, s.end
}

// next reads one event; known is false for one that this version ignores.
func (s *rpcStream) next() (event provider.Event, known bool, err error) {
	message, err := s.recv()
	switch {
	case errors.Is(err, io.EOF):
		return event, false, s.order.over()
	case err != nil:
		return event, false, wire.FromCall(s.ctx, err)
	}
	event, known = wire.FromEvent(message)
	if !known {
		return event, false, nil
	}
	return event, true, s.order.next(event.Kind)
}

// order is how far a stream of events has come. It enforces: one started, then
// anything else, then one finished and no more; heartbeats are harmless anywhere
// before that.
type order struct{ started, finished bool }

// next checks whether an event of the given kind may come now.
func (o *order) next(kind provider.EventKind) error {
	switch {
	case o.finished:
		return broken("the plugin sent a " + kindNames[kind] + " event after the finished event")
	case kind == provider.EventStarted && o.started:
		return broken("the plugin sent a second started event")
	case kind == provider.EventStarted:
		o.started = true
	case kind == provider.EventHeartbeat:
	case !o.started:
		return broken("the plugin sent a " + kindNames[kind] + " event before the started event")
	}
	o.finished = kind == provider.EventFinished
	return nil
}

// over is what a stream ends with: [io.EOF] if it may end here.
func (o *order) over() error {
	if o.finished {
		return io.EOF
	}
	return broken("the stream ended without a finished event, so the answer may be cut off")
}

var kindNames = map[provider.EventKind]string{
	provider.EventStarted:   "started",
	provider.EventData:      "data",
	provider.EventUsage:     "usage",
	provider.EventHeartbeat: "heartbeat",
	provider.EventFinished:  "finished",
}

// broken is a violation of the protocol by the plugin.
func broken(message string) *provider.Error {
	return &provider.Error{Code: provider.CodeProtocol, Source: provider.SourcePlugin, Message: message}
}

// Close implements [provider.EventStream].
func (s *rpcStream) Close() { s.cancel(closed()) }

// closed is what a Next under way returns after Close.
func closed() error {
	return &provider.Error{Code: provider.CodeCanceled, Source: provider.SourceCaller, Message: "the reader closed the answer before its end"}
}
