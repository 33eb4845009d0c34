package session

import (
	"context"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	pb "github.com/backplane-dev/backplane/sdk/internal/providerpb"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// Window and MaxPiece are what the protocol says they are.
const (
	Window   = window
	MaxPiece = maxPiece
)

// RequestFrame is a decoded frame of the host, for tests.
type RequestFrame struct {
	ID       uint64
	Kind     int
	End      bool
	Mode     pb.Mode
	Request  provider.Request
	BodySize uint64
	Credit   uint32
	Timeout  time.Duration
	Data     []byte
	Deadline bool
}

// DecodeRequest decodes a SessionRequest as the plugin's side does.
func DecodeRequest(message []byte) (frames []RequestFrame, err error) {
	var names interner
	err = eachFrame(message, func(frame []byte) error {
		var f requestFrame
		err := f.decode(frame, &names)
		credit := f.credit + f.open.credit // only one is set
		frames = append(frames, RequestFrame{f.id, int(f.kind), f.end, f.open.mode, f.open.request, f.open.bodySize,
			credit, f.open.timeout, f.data, f.deadline})
		return err
	})
	return frames, err
}

// ResponseFrame is a decoded frame of the plugin, for tests.
type ResponseFrame struct {
	ID       uint64
	Kind     int
	End      bool
	BodySize uint64
	Response *provider.Response
	Event    provider.Event
	Data     []byte
	Err      error
}

// DecodeResponse decodes a SessionResponse as the host's side does.
func DecodeResponse(message []byte) (frames []ResponseFrame, err error) {
	var names interner
	err = eachFrame(message, func(frame []byte) error {
		var f responseFrame
		err := f.decode(frame, &names)
		out := ResponseFrame{ID: f.id, Kind: int(f.kind), End: f.end, BodySize: f.bodySize, Event: f.event, Data: f.data}
		if f.answer != nil {
			out.Response = &f.answer.Response
		}
		if f.kind == responseError {
			out.Err = f.failure.err()
		}
		frames = append(frames, out)
		return err
	})
	return frames, err
}

// The frames as both sides write them.
var (
	AppendOpen    = appendOpen
	AppendData    = appendData
	AppendCancel  = appendCancel
	AppendCredit  = appendCredit
	AppendResult  = appendResult
	AppendFailure = appendFailure
	AppendEnd     = appendEnd
)

// AppendEvent writes an event as the plugin's side does.
func AppendEvent(b []byte, id uint64, e provider.Event) []byte {
	cost := 0
	for _, c := range e.Chunks {
		cost += len(c)
	}
	return appendEventFrame(b, id, &e, cost)
}

// Stock is a stock of numbers, for tests.
type Stock struct{ stock[int] }

// Put adds a number.
func (s *Stock) Put(n int) { s.put(&n) }

// Get takes the number that was added last, -1 if there is none.
func (s *Stock) Get() int {
	if n := s.get(); n != nil {
		return *n
	}
	return -1
}

// Len counts them.
func (s *Stock) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.things)
}

// Kept counts the events that wait with what they say, chunks aside.
func Kept(stream provider.EventStream) (n int) {
	s, _ := stream.(*eventStream)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range s.back.other {
		if o.event.Meta != nil || o.event.Usage != nil || o.event.Finish != nil {
			n++
		}
	}
	return n
}

// NewIncoming is a message that gives its frames to handle.
func NewIncoming(handle func(frame []byte) error) any { return newIncoming(handle) }

// AppendFrame writes a frame that is encoded already.
func AppendFrame(b, frame []byte) []byte {
	return protowire.AppendBytes(protowire.AppendVarint(b, tagFrames), frame)
}

// CallContext is the context of a call, for tests.
type CallContext = callContext

// NewCallContext makes one that ends only with End, or, if it is timed, with its
// parent too.
func NewCallContext(parent context.Context, timed bool) *CallContext {
	c := &callContext{timed: timed}
	c.Context, c.cancel = context.WithCancelCause(parent)
	return c
}
