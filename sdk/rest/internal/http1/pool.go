package http1

import (
	"context"
	"net"
	"sync"
	"time"
)

// Pool makes connections to one address and keeps those that are idle. It is
// safe for concurrent use.
type Pool struct {
	// Dial makes a connection. It must end with its context.
	Dial func(ctx context.Context) (net.Conn, error)
	// MaxIdle is the number of idle connections that are kept, IdleLife how long
	// each is. Both must be positive.
	MaxIdle  int
	IdleLife time.Duration

	mu     sync.Mutex
	idle   []*conn // the one used last at the end
	timer  *time.Timer
	closed bool // since the last request
}

// get returns a connection that is alive, and makes one if none is idle.
func (p *Pool) get(ctx context.Context) (*conn, error) {
	for c := p.take(); c != nil; c = p.take() {
		if c.alive() {
			return c, nil
		}
		c.close()
	}
	nc, err := p.Dial(ctx)
	if err != nil {
		return nil, err
	}
	return newConn(nc), nil
}

// take returns the idle connection that was used last, nil if there is none:
// those that are not needed grow old together.
func (p *Pool) take() *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = false
	last := len(p.idle) - 1
	if last < 0 {
		return nil
	}
	c := p.idle[last]
	p.idle[last] = nil
	p.idle = p.idle[:last]
	return c
}

// put keeps a connection for the next request, or closes it if there are enough
// or the pool was closed since.
func (p *Pool) put(c *conn) {
	if !p.keep(c) {
		c.close()
	}
}

func (p *Pool) keep(c *conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || c.fast == nil || len(p.idle) >= p.MaxIdle {
		return false
	}
	c.since = time.Now()
	p.idle = append(p.idle, c)
	if p.timer == nil {
		p.timer = time.AfterFunc(p.IdleLife, p.expire)
	}
	return true
}

// expire closes the connections that were idle for too long.
func (p *Pool) expire() {
	p.mu.Lock()
	old := 0
	for old < len(p.idle) && time.Since(p.idle[old].since) >= p.IdleLife {
		old++
	}
	gone := append([]*conn(nil), p.idle[:old]...)
	p.drop(old)
	if p.timer != nil { // not closed in between
		p.timer = nil
		if len(p.idle) > 0 {
			p.timer = time.AfterFunc(p.IdleLife-time.Since(p.idle[0].since), p.expire)
		}
	}
	p.mu.Unlock()
	closeAll(gone)
}

// drop forgets the n oldest idle connections.
func (p *Pool) drop(n int) {
	left := copy(p.idle, p.idle[n:])
	clear(p.idle[left:])
	p.idle = p.idle[:left]
}

// Close closes the idle connections. Those in use are not touched, but they are
// closed after their answer unless another request was begun since.
func (p *Pool) Close() {
	p.mu.Lock()
	gone := p.idle
	p.idle, p.closed = nil, true
	if p.timer != nil {
		p.timer.Stop()
		p.timer = nil
	}
	p.mu.Unlock()
	closeAll(gone)
}

func closeAll(conns []*conn) {
	for _, c := range conns {
		c.close()
	}
}
