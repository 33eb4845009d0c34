package front

import (
	"net"
	"sync"
)

// handed is the listener by which connections reach net/http. Only newHanded
// makes one. One goroutine accepts.
type handed struct {
	conns chan handing
	done  chan struct{}
	once  sync.Once
	noted chan<- struct{} // of the connection that was accepted last
}

// handing is a connection on its way; noted is closed when net/http counts it
// among its own.
type handing struct {
	net.Conn
	noted chan<- struct{}
}

func newHanded() *handed {
	return &handed{conns: make(chan handing), done: make(chan struct{})}
}

// pass hands a connection over, and returns when net/http's server would wait
// for it if it had to end. The connection is closed if it has ended.
func (h *handed) pass(c net.Conn) {
	noted := make(chan struct{})
	select {
	case h.conns <- handing{c, noted}:
		<-noted
	case <-h.done:
		_ = c.Close()
	}
}

// Accept implements [net.Listener]. A server that asks for the next connection
// has noted the last.
func (h *handed) Accept() (net.Conn, error) {
	if h.noted != nil {
		close(h.noted)
		h.noted = nil
	}
	select {
	case c := <-h.conns:
		h.noted = c.noted
		return c.Conn, nil
	case <-h.done:
		return nil, net.ErrClosed
	}
}

// Close implements [net.Listener].
func (h *handed) Close() error {
	h.once.Do(func() { close(h.done) })
	return nil
}

// Addr implements [net.Listener].
func (h *handed) Addr() net.Addr { return &net.TCPAddr{} }

// prefixed is a connection of which bytes were read already.
type prefixed struct {
	net.Conn
	prefix []byte
}

// Read implements [net.Conn].
func (p *prefixed) Read(b []byte) (int, error) {
	if len(p.prefix) == 0 {
		return p.Conn.Read(b)
	}
	n := copy(b, p.prefix)
	if p.prefix = p.prefix[n:]; len(p.prefix) == 0 {
		p.prefix = nil
	}
	return n, nil
}

// CloseWrite ends sending; net/http looks for it.
func (p *prefixed) CloseWrite() error {
	if half, ok := p.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}
