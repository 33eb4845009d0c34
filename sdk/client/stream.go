package client

import (
	"context"
	"errors"
	"io"

	pb "github.com/backplane-dev/backplane/sdk/internal/providerpb"
	"github.com/backplane-dev/backplane/sdk/internal/session"
	"github.com/backplane-dev/backplane/sdk/internal/wire"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// rpcStream is an event stream that travels as an RPC of its own. It holds the
// plugin to the order of events.
type rpcStream struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	recv   func() (*pb.StreamResponse, error)

	order session.Order
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
		if err := s.order.End(); err != nil {
			return event, false, err
		}
		return event, false, io.EOF
	case err != nil:
		return event, false, wire.FromCall(s.ctx, err)
	}
	event, known = wire.FromEvent(message)
	if !known {
		return event, false, nil
	}
	return event, true, s.order.Check(event.Kind)
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
