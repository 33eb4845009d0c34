// Package admission bounds the memory of the request bodies that the host holds
// at one time, over all connections.
//
// A request reserves the room of its body before it reads it. If there is none,
// it waits for its turn without reading, so that the system's own flow control
// holds the sender up, and is refused after [MaxWait]. Turns go by arrival: a
// large body is not overtaken for ever by small ones.
//
// # Bodies of unknown length
//
// They reserve room while they grow, and so would wait for each other's room
// while holding their own. To rule that out, the budget is split: most of it is
// the common room, and as much as the largest body takes is the spare room. A
// body that grows takes common room as long as there is some, without waiting;
// when there is none it waits, holding what it has, for the spare room, which one
// body has at a time. Who has it need not wait any more, so each such wait ends.
package admission

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/schema"
)

// MaxWait is the longest wait for room. A client that would wait for longer is
// better told, and can come back.
const MaxWait = 10 * time.Second

// retryAfter is the wait that a refusal advises: the least that clients can be
// told, since room comes back with every answer.
const retryAfter = time.Second

// Budget is the room for bodies. It is safe for concurrent use.
type Budget struct {
	size, common, spare int64

	room *semaphore.Weighted // of the common bytes
	turn *semaphore.Weighted // 1: who has it uses the spare bytes

	held, waiting atomic.Int64
	refused       atomic.Uint64
}

// New makes a budget of size bytes for bodies of up to largest bytes. The spare
// room is of the size of one such body, but at most half of the budget.
func New(size, largest int64) *Budget {
	spare := min(largest, size/2)
	return &Budget{
		size: size, common: size - spare, spare: spare,
		room: semaphore.NewWeighted(size - spare), turn: semaphore.NewWeighted(1),
	}
}

// Status is what a budget is at.
type Status struct {
	// Size is the budget, Held what is reserved of it, in bytes.
	Size, Held int64
	// Waiting is the number of requests that wait for room, Refused that of those
	// that were not given any.
	Waiting int64
	Refused uint64
}

// Status returns what the budget is at.
func (b *Budget) Status() Status {
	return Status{Size: b.size, Held: b.held.Load(), Waiting: b.waiting.Load(), Refused: b.refused.Load()}
}

// Share is the room that one body has. The zero Share has none. It is used by one
// goroutine at a time.
type Share struct {
	b     *Budget
	bytes int64 // of the common room
	extra int64 // of the spare room
	turn  bool  // for the spare room

	patience, waited time.Duration
}

// Bytes is the room that the share has.
func (s *Share) Bytes() int64 { return s.bytes + s.extra }

// Waited is the time that the share has waited for room.
func (s *Share) Waited() time.Duration { return s.waited }

// Reserve takes room for n bytes for a share that has none. If there is none it
// waits until ctx ends or patience is over, all waits of the share together; 0, or
// more than it, is [MaxWait]. The error is a [*provider.Error]: CodeTooLarge if no
// wait would help, CodeOverloaded if the wait was too long, and CodeCanceled if ctx
// was cancelled.
func (s *Share) Reserve(ctx context.Context, b *Budget, n int64, patience time.Duration) error {
	if patience <= 0 || patience > MaxWait {
		patience = MaxWait
	}
	s.b, s.patience = b, patience
	if n > b.common {
		b.refused.Add(1)
		return b.tooLarge(n)
	}
	if !b.room.TryAcquire(n) {
		if err := s.wait(ctx, b.room, n, n); err != nil {
			return err
		}
	}
	s.bytes = n
	b.held.Add(n)
	return nil
}

// Grow takes room for n bytes more, as Reserve does for the first.
func (s *Share) Grow(ctx context.Context, n int64) error {
	b := s.b
	if !s.turn && b.room.TryAcquire(n) {
		s.bytes += n
		b.held.Add(n)
		return nil
	}
	if s.extra+n > b.spare {
		b.refused.Add(1)
		return b.overloaded(s.Bytes()+n, s.waited)
	}
	if !s.turn {
		if err := s.wait(ctx, b.turn, 1, s.Bytes()+n); err != nil {
			return err
		}
		s.turn = true
	}
	s.extra += n
	b.held.Add(n)
	return nil
}

// Release gives all room back. It may be called more than once.
func (s *Share) Release() {
	if n := s.Bytes(); n > 0 {
		s.b.held.Add(-n)
	}
	if s.bytes > 0 {
		s.b.room.Release(s.bytes)
	}
	if s.turn {
		s.b.turn.Release(1)
	}
	s.bytes, s.extra, s.turn = 0, 0, false
}

// wait takes n of what is short, for a body of size bytes so far.
func (s *Share) wait(ctx context.Context, from *semaphore.Weighted, n, size int64) error {
	b, start := s.b, time.Now()
	b.waiting.Add(1)
	bounded, cancel := context.WithTimeout(ctx, s.patience-s.waited)
	defer cancel()
	err := from.Acquire(bounded, n)
	b.waiting.Add(-1)
	s.waited += time.Since(start)
	switch {
	case err == nil:
		return nil
	case errors.Is(ctx.Err(), context.Canceled):
		return provider.AsError(ctx.Err())
	}
	b.refused.Add(1)
	return b.overloaded(size, s.waited)
}

// overloaded refuses a body for which there was no room.
func (b *Budget) overloaded(size int64, waited time.Duration) error {
	return &provider.Error{
		Code: provider.CodeOverloaded, Source: provider.SourceHost, RetryAfter: retryAfter,
		Message: fmt.Sprintf("no memory was free for a body of %d bytes in %s: bodies under way hold %d bytes of the %s "+
			"that server.max_buffered_size allows, and %d other requests wait",
			size, waited.Round(time.Millisecond), b.held.Load(), schema.FormatSize(b.size), b.waiting.Load()),
	}
}

// tooLarge refuses a body that never fits.
func (b *Budget) tooLarge(n int64) error {
	return &provider.Error{
		Code: provider.CodeTooLarge, Source: provider.SourceHost,
		Message: fmt.Sprintf("the body takes %d bytes; at most %d are held for one, by server.max_buffered_size (%s)",
			n, b.common, schema.FormatSize(b.size)),
	}
}
