package session

import (
	"context"
	"errors"
	"runtime"
	"sync"
)

// The number of waiting bytes, about, from which whoever has more to send waits. It
// bounds what a session holds for a peer that does not read, and how long a small
// frame can be behind large ones. The host's is small, since with an envelope it must
// stay below the least limit that a plugin can have for a message. The plugin's is
// what hundreds of streams have to say at a time: a third of it made them stand in
// line, which took a quarter more time for a chunk of 500 streams.
const (
	maxHostPending   = 256 << 10
	maxPluginPending = 768 << 10
)

// MessageRoom is how much more than its largest event a message can have, in bytes.
// The limits that gRPC is given for messages must leave room for it.
const MessageRoom = 1 << 20

// maxSpare is the largest buffer that a session keeps while nothing waits.
const maxSpare = 1 << 20

// errAnswered ends the sending of a request that has been answered already.
var errAnswered = errors.New("session: the call has ended")

// sender gathers the frames of all calls and sends them from one goroutine, the
// only one that gRPC may hold up: when a message is under way, all frames that
// come meanwhile wait together and leave as the next message.
type sender struct {
	send  func(message any) error
	most  int           // waiting bytes
	ended chan struct{} // closed by stop

	mu      sync.Mutex
	pending []byte
	takes   uint64        // how often pending was taken
	room    chan struct{} // closed when pending is taken; nil if nobody waits
	idle    bool          // the writer sleeps
	last    bool          // no frame is to follow
	err     error         // why nothing can be sent any more
	wake    chan struct{}
}

func newSender(send func(message any) error, most int) *sender {
	return &sender{send: send, most: most, ended: make(chan struct{}), wake: make(chan struct{}, 1)}
}

// acquire waits until there is room for a frame, and until what was appended
// before take number after was taken. When it returns nil, the caller appends its
// frames to pending and calls release. It ends early with the error of ctx, with
// errAnswered once there is something in answered, or with that of the session.
func (s *sender) acquire(ctx context.Context, answered chan struct{}, after uint64) error {
	s.mu.Lock()
	for s.err == nil && (len(s.pending) >= s.most || s.takes < after) {
		if s.room == nil {
			s.room = make(chan struct{})
		}
		room := s.room
		s.mu.Unlock()
		select {
		case <-room:
		case <-ctx.Done():
			return ctx.Err()
		case <-answered:
			signal(answered) // whose it is finds it there again
			return errAnswered
		}
		s.mu.Lock()
	}
	if s.err != nil {
		defer s.mu.Unlock()
		return s.err
	}
	return nil
}

// signal leaves a mark in a channel that has room for one.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// release sees to it that pending is sent. It returns the number of the take from
// which on all of it has left.
func (s *sender) release() uint64 {
	next := s.takes + 1
	idle := s.idle
	s.idle = false
	s.mu.Unlock()
	if idle {
		s.wake <- struct{}{}
	}
	return next
}

// control appends a small frame without waiting for room: there are few of them
// for each call.
func (s *sender) control(frame func(pending []byte) []byte) {
	s.mu.Lock()
	if s.err != nil {
		s.mu.Unlock()
		return
	}
	s.pending = frame(s.pending)
	s.release()
}

// finish lets run return once all that waits has been sent.
func (s *sender) finish() {
	s.mu.Lock()
	s.last = true
	s.release()
}

// stop drops all that waits and lets run return. err is what acquire returns from
// now on. A send under way is not waited for: the end of the stream ends it.
func (s *sender) stop(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return
	}
	s.err, s.pending = err, nil
	close(s.ended)
	s.makeRoom()
}

// makeRoom must be called with the mutex held.
func (s *sender) makeRoom() {
	if s.room != nil {
		close(s.room)
		s.room = nil
	}
}

// run sends until finish or stop. It returns nil after finish.
func (s *sender) run() error {
	message := newOutgoing()
	var spare []byte
	for {
		frames, err := s.take(spare)
		if len(frames) == 0 {
			return err
		}
		message.fields = frames
		if err := s.send(message); err != nil {
			return err
		}
		spare = frames[:0]
		if cap(frames) > maxSpare {
			spare = nil
		}
	}
}

// take waits for frames and exchanges them for the empty buffer spare. It returns
// none at the end.
func (s *sender) take(spare []byte) ([]byte, error) {
	s.mu.Lock()
	for len(s.pending) == 0 {
		if s.err != nil || s.last {
			defer s.mu.Unlock()
			return nil, s.err
		}
		s.idle = true
		s.mu.Unlock()
		select {
		case <-s.wake:
			// Whoever is about to send as well may append first: no time passes
			// when nobody is, and a message for each frame would cost more than
			// all else that is done for it.
			runtime.Gosched()
		case <-s.ended:
		}
		s.mu.Lock()
	}
	frames := s.pending
	s.pending = spare
	s.takes++
	s.makeRoom()
	s.mu.Unlock()
	return frames, nil
}
