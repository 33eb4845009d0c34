package http1

import (
	"bytes"
	"context"
	"io"
	"net"
	"testing"
	"time"
)

// scripted is a connection whose service sends what is given, in pieces of at
// most cut bytes, whatever it is asked.
type scripted struct {
	answer io.Reader
	cut    int
}

func (s *scripted) Read(p []byte) (int, error)       { return s.answer.Read(p[:min(len(p), s.cut)]) }
func (*scripted) Write(p []byte) (int, error)        { return len(p), nil }
func (*scripted) Close() error                       { return nil }
func (*scripted) LocalAddr() net.Addr                { return nil }
func (*scripted) RemoteAddr() net.Addr               { return nil }
func (*scripted) SetDeadline(time.Time) error        { return nil }
func (*scripted) SetReadDeadline(_ time.Time) error  { return nil }
func (*scripted) SetWriteDeadline(_ time.Time) error { return nil }

// ask exchanges a request for the scripted answer.
func ask(ctx context.Context, answer []byte, cut int, noBody bool) (*Exchange, error) {
	pool := &Pool{MaxIdle: 1, IdleLife: time.Minute, Dial: func(context.Context) (net.Conn, error) {
		return &scripted{answer: bytes.NewReader(answer), cut: cut}, nil
	}}
	x := new(Exchange)
	return x, x.Do(ctx, pool, Request{Head: []byte("GET / HTTP/1.1\r\n\r\n"), NoBody: noBody})
}

// service listens on loopback and hands out its connections.
func service(t *testing.T) (*Pool, chan *net.TCPConn) {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	conns := make(chan *net.TCPConn, 16)
	go func() {
		defer close(conns)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			conns <- c.(*net.TCPConn)
		}
	}()
	pool := &Pool{MaxIdle: 2, IdleLife: time.Minute, Dial: func(ctx context.Context) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", l.Addr().String())
	}}
	t.Cleanup(func() {
		pool.Close()
		_ = l.Close() // ends the accepting goroutine
		for c := range conns {
			_ = c.Close() // those that no test took
		}
	})
	return pool, conns
}

// accept takes the service's end of the next connection.
func accept(t *testing.T, conns chan *net.TCPConn) *net.TCPConn {
	t.Helper()
	select {
	case c := <-conns:
		t.Cleanup(func() { _ = c.Close() }) // a second time, for most
		return c
	case <-time.After(10 * time.Second):
		t.Fatal("no connection came")
		return nil
	}
}

// idle returns how many connections the pool keeps.
func idle(p *Pool) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.idle)
}
