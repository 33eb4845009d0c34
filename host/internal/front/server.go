package front

import (
	"context"
	"errors"
	"log"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/backplane-dev/backplane/host/internal/graceful"
)

// Server serves an HTTP handler. Only New makes one. Its methods are safe for
// concurrent use.
type Server struct {
	handler     http.Handler
	headTimeout time.Duration
	idleTimeout time.Duration
	headBytes   int
	log         *log.Logger
	ctx         context.Context // of requests

	standard   *handed // the way to http
	http       *graceful.Server
	background sync.WaitGroup
	clock      clock
	ending     atomic.Bool

	mu        sync.Mutex
	watch     *watcher // nil before the first Serve, and where there is none
	listeners []net.Listener
	accepting sync.WaitGroup
	conns     map[uint64]*conn
	lastID    uint64
	ended     time.Time
	cut       bool          // Close was called
	change    chan struct{} // closed when a connection becomes idle or ends
}

// New takes over a server that does not run yet and must not be used any more.
// Its Handler, ReadHeaderTimeout, IdleTimeout, MaxHeaderBytes and ErrorLog hold
// for all connections, its other settings for those that net/http serves.
func New(s *http.Server) *Server {
	front := &Server{
		handler: s.Handler, headTimeout: s.ReadHeaderTimeout, idleTimeout: s.IdleTimeout,
		headBytes: headRoom, log: s.ErrorLog, standard: newHanded(),
		ctx:    context.WithValue(context.Background(), http.ServerContextKey, s),
		conns:  make(map[uint64]*conn),
		change: make(chan struct{}),
	}
	if s.MaxHeaderBytes > 0 {
		front.headBytes = min(front.headBytes, s.MaxHeaderBytes)
	}
	front.http = graceful.New(s)
	return front
}

// Serve answers the listener's connections until Shutdown or Close. Its error is
// [http.ErrServerClosed] then.
func (s *Server) Serve(l net.Listener) error {
	lean, err := s.open(l)
	if err != nil {
		_ = l.Close() // nothing was accepted
		return err
	}
	if !lean {
		return s.http.Serve(l)
	}
	defer s.accepting.Done()
	for pause := time.Duration(0); ; {
		nc, err := l.Accept()
		switch {
		case err == nil:
			pause = 0
			s.take(nc)
		case s.ending.Load():
			return http.ErrServerClosed
		case !passing(err):
			return err
		default:
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			s.logf("http: accept: %v; trying again in %v", err, pause)
			time.Sleep(pause)
		}
	}
}

// passing reports whether accepting failed for want of something that comes
// back when other connections end.
func passing(err error) bool {
	for _, want := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM} {
		if errors.Is(err, want) {
			return true
		}
	}
	return false
}

// open makes the server ready for a listener, and reports whether this package
// can serve it at all.
func (s *Server) open(l net.Listener) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ending.Load() {
		return false, http.ErrServerClosed
	}
	if s.watch == nil {
		watch, err := newWatcher()
		if err != nil {
			return false, nil
		}
		s.watch = watch
		s.background.Go(func() { watch.run(s.left) })
		s.background.Go(func() { _ = s.http.Serve(s.standard) }) // always ends with ErrServerClosed
	}
	s.accepting.Add(1)
	s.listeners = append(s.listeners, l)
	return true, nil
}

// take begins to serve a connection.
func (s *Server) take(nc net.Conn) {
	raw := rawConn(nc)
	if raw == nil {
		s.standard.pass(nc)
		return
	}
	c := newConn(s, nc, raw)
	s.mu.Lock()
	if s.cut { // it was accepted at the last moment
		s.mu.Unlock()
		_ = nc.Close()
		return
	}
	s.lastID++
	c.id = s.lastID
	s.conns[c.id] = c
	s.mu.Unlock()
	if s.watch.add(raw, c.id) != nil {
		s.standard.pass(nc)
		s.forget(c)
		return
	}
	go c.serve()
}

// rawConn returns what is needed to watch a connection, nil if it is none of the
// system's or there is something between.
func rawConn(nc net.Conn) syscall.RawConn {
	var raw syscall.RawConn
	var err error
	switch nc := nc.(type) {
	case *net.TCPConn:
		raw, err = nc.SyscallConn()
	case *net.UnixConn:
		raw, err = nc.SyscallConn()
	}
	if err != nil {
		return nil
	}
	return raw
}

// left is told by the watcher that a client left.
func (s *Server) left(id uint64) {
	s.mu.Lock()
	c := s.conns[id]
	s.mu.Unlock()
	if c != nil {
		c.leave()
	}
}

// forget takes a connection out. It does nothing the second time.
func (s *Server) forget(c *conn) {
	s.mu.Lock()
	delete(s.conns, c.id)
	s.mu.Unlock()
	s.changed()
}

// changed tells the one who waits for the end that a connection has become idle
// or has ended.
func (s *Server) changed() {
	if !s.ending.Load() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.change)
	s.change = make(chan struct{})
}

func (s *Server) logf(format string, args ...any) {
	if s.log != nil {
		s.log.Printf(format, args...)
	} else {
		log.Printf(format, args...)
	}
}
