package front

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/backplane-dev/backplane/host/internal/graceful"
)

// Shutdown ends the server as package graceful says: no new connections, answers
// to all requests that come over those that are open, and then the end of these.
// It returns when all are closed, or with ctx's error when that ends first;
// requests then run on, and another Shutdown waits for them.
func (s *Server) Shutdown(ctx context.Context) error {
	s.stop()
	s.http.Announce()
	s.accepting.Wait()
	s.mu.Lock()
	ended := s.ended
	s.mu.Unlock()
	for graceful.Settle(ctx, ended, s.count) == nil && s.expire() > 0 {
		// Those that got a request meanwhile answer it; it is their last.
	}
	// Only now nothing is handed over any more.
	if err := s.http.Shutdown(ctx); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	s.release()
	return nil
}

// Close ends the server at once. Requests that run are cut off.
func (s *Server) Close() error {
	s.stop()
	s.mu.Lock()
	s.cut = true
	conns := slices.Collect(maps.Values(s.conns))
	s.mu.Unlock()
	for _, c := range conns {
		_ = c.nc.Close()
		c.leave() // the watcher knows nothing of connections that end here
	}
	err := s.http.Close()
	_ = s.standard.Close()
	s.release()
	return err
}

// stop closes the listeners. From now on answers ask their clients to leave.
func (s *Server) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ending.Swap(true) {
		s.ended = time.Now()
	}
	for _, l := range s.listeners {
		_ = l.Close() // its connections are what matters
	}
	s.listeners = nil
}

// release ends what runs in the background.
func (s *Server) release() {
	s.mu.Lock()
	watch := s.watch
	s.mu.Unlock()
	if watch != nil {
		watch.close()
	}
	s.background.Wait()
}

// count counts connections by what they do; see [graceful.Settle].
func (s *Server) count() (atWork, waiting int, change <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.conns {
		if c.state.Load() == idle {
			waiting++
		} else {
			atWork++
		}
	}
	return atWork, waiting, s.change
}

// expire closes connections that wait for a request, and returns how many there
// are of any kind.
func (s *Server) expire() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.conns {
		if c.state.CompareAndSwap(idle, closed) {
			_ = c.nc.Close()
		}
	}
	return len(s.conns)
}
