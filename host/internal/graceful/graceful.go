// Package graceful ends an HTTP server without losing a request.
//
// [http.Server.Shutdown] alone loses some: a request that it has read after it
// began to shut down is dropped without an answer, and connections that idle at
// that moment are closed although their clients may just be sending. So first the
// listener is closed; answers then ask their clients to leave, and connections
// that stay are given a moment to be used once more. What is left then is idle in
// earnest, and Shutdown takes it. Only connections that the system had not handed
// over yet when the listener was closed are refused; package handover has a
// successor take these.
package graceful

import (
	"context"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// lastCall is how long connections that idle may still be used once the end has
// begun. Clients that keep one busy learn with the answer that it ends.
const lastCall = time.Second

// Server is an http.Server that ends gracefully. Only New makes one.
type Server struct {
	*http.Server
	ending atomic.Bool

	mu        sync.Mutex
	ended     time.Time // when ending was set
	listeners []net.Listener
	states    map[net.Conn]http.ConnState // of connections that are open
	changed   chan struct{}               // closed when a state changes
}

// New takes over a server that does not run yet. Its Handler and ConnState must
// not be changed afterwards.
func New(s *http.Server) *Server {
	g := &Server{Server: s, states: make(map[net.Conn]http.ConnState), changed: make(chan struct{})}
	inner := s.Handler
	s.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if g.ending.Load() && r.ProtoMajor == 1 {
			w.Header().Set("Connection", "close")
		}
		inner.ServeHTTP(w, r)
	})
	s.ConnState = g.note
	return g
}

// note follows the state of a connection.
func (s *Server) note(c net.Conn, state http.ConnState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch state {
	case http.StateClosed, http.StateHijacked:
		delete(s.states, c)
	default:
		s.states[c] = state
	}
	if s.ending.Load() {
		close(s.changed)
		s.changed = make(chan struct{})
	}
}

// Serve answers the listener's connections until Shutdown or Close. Its error is
// [http.ErrServerClosed] then.
func (s *Server) Serve(l net.Listener) error {
	l = &once{Listener: l}
	s.mu.Lock()
	s.listeners = append(s.listeners, l)
	ending := s.ending.Load()
	s.mu.Unlock()
	if ending {
		_ = l.Close() // nothing was accepted
		return http.ErrServerClosed
	}
	err := s.Server.Serve(l)
	if s.ending.Load() {
		return http.ErrServerClosed
	}
	return err
}

// once is a listener that is closed once: the end of an http.Server closes those
// that it serves, and finds fault with one that is closed.
type once struct {
	net.Listener
	close sync.Once
	err   error
}

// Close implements [net.Listener].
func (o *once) Close() error {
	o.close.Do(func() { o.err = o.Listener.Close() })
	return o.err
}

// Announce makes answers ask their clients to leave. Shutdown does it too.
func (s *Server) Announce() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ending.Swap(true) {
		s.ended = time.Now()
	}
}

// Shutdown ends the server: no new connections, answers to all requests that come
// over those that are open, and then the end of these. It returns when all are
// closed, or with ctx's error when that ends first; requests then run on.
func (s *Server) Shutdown(ctx context.Context) error {
	s.Announce()
	s.mu.Lock()
	ended, listeners := s.ended, s.listeners
	s.listeners = nil
	s.mu.Unlock()
	for _, l := range listeners {
		_ = l.Close() // Shutdown below tells the error
	}
	_ = Settle(ctx, ended, s.count) // as above
	return s.Server.Shutdown(ctx)
}

// Settle waits until no connection is about to be used: all are closed, or none
// but idle ones is left after the last call, which begins with the end of the
// server. count tells how many connections are busy and idle, and what is closed
// when that changes. The error is ctx's.
func Settle(ctx context.Context, ended time.Time, count func() (busy, idle int, changed <-chan struct{})) error {
	last := time.NewTimer(lastCall - time.Since(ended))
	defer last.Stop()
	over := false
	for {
		busy, idle, changed := count()
		if busy == 0 && (idle == 0 || over) {
			return nil
		}
		select {
		case <-changed:
		case <-last.C:
			over = true
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// count counts connections by what they do, and returns what tells of the next
// change.
func (s *Server) count() (busy, idle int, changed <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, state := range s.states {
		if state == http.StateIdle {
			idle++
		} else {
			busy++
		}
	}
	return busy, idle, s.changed
}
