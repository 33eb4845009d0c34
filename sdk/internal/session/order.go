package session

import "github.com/backplane-dev/backplane/sdk/provider"

// Order holds a stream of events to its order: one started, then anything else,
// then one finished and no more. The zero value is the beginning.
type Order struct{ started, finished bool }

// Check takes note of an event. It returns a [*provider.Error] if there must not
// be one of this kind here.
func (o *Order) Check(kind provider.EventKind) error {
	switch {
	case o.finished:
		return broken("the plugin sent a " + kindNames[kind] + " event after the finished event")
	case kind == provider.EventStarted && o.started:
		return broken("the plugin sent a second started event")
	case kind == provider.EventStarted:
		o.started = true
	case kind == provider.EventHeartbeat: // harmless anywhere
	case !o.started:
		return broken("the plugin sent a " + kindNames[kind] + " event before the started event")
	}
	o.finished = kind == provider.EventFinished
	return nil
}

// End returns what is wrong with the end of the stream, nil if nothing is.
func (o *Order) End() error {
	if o.finished {
		return nil
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

// broken is a fault in the order of a stream. It fails that stream alone.
func broken(message string) *provider.Error {
	return &provider.Error{Code: provider.CodeProtocol, Source: provider.SourcePlugin, Message: message}
}
