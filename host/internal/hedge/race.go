package hedge

import (
	"context"
	"sync"
	"time"
)

// Race is a request that may have a second attempt. All fields must be set.
type Race[T any] struct {
	// Delay is the time after which an attempt is slow.
	Delay time.Duration
	// First makes the request, with all attempts that its endpoint allows. It must
	// tell running when an attempt begins, and when one has failed: time spent in
	// a queue or between attempts does not make an attempt slow.
	First func(ctx context.Context, running func(bool)) (T, error)
	// Take asks for leave to make the second attempt.
	Take func() bool
	// Second makes it.
	Second func(ctx context.Context) (T, error)
	// Final reports whether an error of First is the answer, even while a second
	// attempt is under way: nobody else would say anything better.
	Final func(error) bool
	// Drop gives up an answer that came at the same moment as the other.
	Drop func(T)
	// Lost is the cause with which the context of the slower one ends.
	Lost error
}

// Result is how a race ended.
type Result[T any] struct {
	Answer T
	Err    error // First's, also if both have failed
	// Tried is true if there was a second attempt, and Second if the answer is its.
	Tried, Second bool
	// Release frees what the answer's context holds. Call it when the answer is
	// over; it ends that context.
	Release func()
}

// Run runs First in the caller's goroutine, and Second in another if an attempt of
// First is slow. Who answers first has won: the other's context ends at once, and
// Run returns when the other has returned, so that nothing is left behind, of
// either of them.
func (r *Race[T]) Run(ctx context.Context) Result[T] {
	m := &match[T]{Race: r, ctx: ctx}
	var first context.Context
	first, m.stopFirst = context.WithCancelCause(ctx)
	answer, err := r.First(first, m.running)
	return m.settle(answer, err)
}

// match is a race that is being run.
type match[T any] struct {
	*Race[T]
	ctx       context.Context
	stopFirst context.CancelCauseFunc

	mu      sync.Mutex
	attempt int           // counts the beginnings and ends of First's attempts
	timer   *time.Timer   // of the attempt that runs
	over    bool          // First has returned
	second  chan struct{} // closed when Second has returned; nil if it was not called
	won     bool          // Second answered while First ran

	// What Second returned, and what ends its context.
	stopSecond context.CancelCauseFunc
	answer     T
	err        error
}

// running is told when an attempt of First begins and when it has failed.
func (m *match[T]) running(yes bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.attempt++
	if m.timer != nil {
		m.timer.Stop()
	}
	if yes && m.second == nil {
		number := m.attempt
		m.timer = time.AfterFunc(m.Delay, func() { m.slow(number) })
	}
}

// slow is called when an attempt has run for the delay, in a goroutine of its
// own, which becomes the second attempt's.
func (m *match[T]) slow(number int) {
	m.mu.Lock()
	if m.attempt != number || !m.Take() {
		m.mu.Unlock() // it has ended at this very moment, or the budget is spent
		return
	}
	m.second = make(chan struct{})
	defer close(m.second)
	var ctx context.Context
	ctx, m.stopSecond = context.WithCancelCause(m.ctx)
	m.mu.Unlock()
	answer, err := m.Second(ctx)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.answer, m.err = answer, err
	if err == nil && !m.over {
		m.won = true
		m.stopFirst(m.Lost)
	}
}

// settle decides once First has returned, and waits for Second.
func (m *match[T]) settle(answer T, err error) Result[T] {
	m.running(false)
	m.mu.Lock()
	m.over = true
	second, won := m.second, m.won
	m.mu.Unlock()
	if second == nil {
		return Result[T]{Answer: answer, Err: err, Release: func() { m.stopFirst(nil) }}
	}
	needed := won || err != nil && !m.Final(err)
	if !needed {
		m.stopSecond(m.Lost)
	}
	<-second
	if needed && m.err == nil {
		if err == nil { // both answered at the same moment
			m.Drop(answer)
		}
		m.stopFirst(m.Lost)
		return Result[T]{Answer: m.answer, Tried: true, Second: true, Release: func() { m.stopSecond(nil) }}
	}
	if m.err == nil {
		m.Drop(m.answer)
	}
	m.stopSecond(nil)
	return Result[T]{Answer: answer, Err: err, Tried: true, Release: func() { m.stopFirst(nil) }}
}
