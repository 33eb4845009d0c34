package front

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/backplane-dev/backplane/host/internal/ends"
	"github.com/backplane-dev/backplane/sdk/rawio"
)

// headRoom is the most that a head may take here, and what is read at once with
// it; most requests fit in as a whole.
const headRoom = 8 << 10

// input is memory for a head and what came with it.
type input struct {
	data      [headRoom]byte
	next, end int // what was read and not used
}

var inputs = sync.Pool{New: func() any { return new(input) }}

// What a connection is doing.
const (
	idle   int32 = iota // waiting for a request, also for its first
	busy                // answering one
	closed              // nothing any more
)

// conn is a connection. One goroutine serves it; others may cancel its request,
// read its body, and set its deadlines.
type conn struct {
	server *Server
	id     uint64
	nc     net.Conn
	raw    syscall.RawConn
	base   *http.Request // of which requests are copies
	state  atomic.Int32

	in     *input // nil while there is nothing in it
	wait   func(fd uintptr) bool
	err    error // of wait
	out    writer
	handed bool      // to net/http
	answer *response // under way
	posted bool      // the last request was a POST

	mu      sync.Mutex
	gone    bool          // the client left
	ctx     *ends.Context // of the request under way
	reading bool
	readBy  time.Time // when reading shall end
	armed   time.Time // when the system believes that

	writeBy atomic.Bool // there is a deadline for writing
}

func newConn(s *Server, nc net.Conn, raw syscall.RawConn) *conn {
	c := &conn{server: s, nc: nc, raw: raw}
	c.wait = c.tryRead
	c.out.try = c.out.write
	ctx := context.WithValue(s.ctx, http.LocalAddrContextKey, nc.LocalAddr())
	c.base = (&http.Request{Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, RemoteAddr: nc.RemoteAddr().String()}).WithContext(ctx)
	return c
}

// serve answers requests until the connection ends or is handed over.
func (c *conn) serve() {
	defer c.end()
	defer c.guard()
	c.boundRead(c.server.headTimeout)
	for c.rest() {
		var h head
		size := parseHead(c.in.data[c.in.next:min(c.in.end, c.in.next+c.server.headBytes)], &h)
		if size == 0 {
			c.handOver()
			return
		}
		c.in.next += size
		c.free()
		if !c.exchange(&h) {
			return
		}
		c.posted = h.method == http.MethodPost
		c.idleFrom(time.Now())
	}
}

// rest waits for the next request, and reports whether there is one. While it
// waits, the end of the server closes the connection.
func (c *conn) rest() bool {
	for {
		if c.in == nil {
			c.state.Store(idle)
			c.server.changed()
			if c.await() != nil || !c.state.CompareAndSwap(idle, busy) {
				return false
			}
		}
		if c.posted {
			c.dropLineEnds()
		}
		if c.in != nil {
			return true
		}
	}
}

// dropLineEnds drops what some old clients send after the body of a POST, up to
// four bytes, as net/http does.
func (c *conn) dropLineEnds() {
	for i := 0; i < 4 && c.in.next < c.in.end; i++ {
		if b := c.in.data[c.in.next]; b != '\r' && b != '\n' {
			break
		}
		c.in.next++
	}
	c.free()
}

// await waits until bytes of a request are there and reads them. It holds no
// memory for them while it waits.
func (c *conn) await() error {
	c.beginRead()
	defer c.endRead()
	if err := c.raw.Read(c.wait); err != nil {
		return err
	}
	return c.err
}

// free gives the input's memory back once all of it was used.
func (c *conn) free() {
	if c.in != nil && c.in.next == c.in.end {
		c.in.next, c.in.end = 0, 0
		inputs.Put(c.in)
		c.in = nil
	}
}

// read reads bytes of a body.
func (c *conn) read(p []byte) (int, error) {
	if c.in != nil {
		n := copy(p, c.in.data[c.in.next:c.in.end])
		c.in.next += n
		c.free()
		return n, nil
	}
	c.beginRead()
	defer c.endRead()
	return c.nc.Read(p)
}

// skip drops up to n bytes of a body that came with the head, and returns how
// many.
func (c *conn) skip(n int64) int64 {
	if c.in == nil {
		return 0
	}
	n = min(n, int64(c.in.end-c.in.next))
	c.in.next += int(n)
	c.free()
	return n
}

// exchange answers one request, and reports whether the connection can be used
// for another.
func (c *conn) exchange(h *head) bool {
	x := &exchange{}
	defer x.ctx.End()
	r := x.request(c, h)
	c.answer = &x.response
	c.mu.Lock()
	c.ctx, c.readBy = &x.ctx, time.Time{}
	gone := c.gone
	c.mu.Unlock()
	if gone {
		x.ctx.End()
	}
	c.server.handler.ServeHTTP(&x.response, r)
	x.ctx.End()
	again := x.response.finish()
	c.answer = nil
	return again
}

// guard ends the answer under way when a handler panics, as net/http does. With
// [http.ErrAbortHandler] it means to.
func (c *conn) guard() {
	cause := recover()
	if cause != nil && cause != http.ErrAbortHandler {
		c.server.logf("http: panic serving %s: %v\n%s", c.base.RemoteAddr, cause, debug.Stack())
	}
	if c.answer != nil {
		c.answer.abort()
	}
}

// leave cancels the request under way and those to come: the client is gone.
func (c *conn) leave() {
	c.mu.Lock()
	c.gone = true
	ctx := c.ctx
	c.mu.Unlock()
	if ctx != nil {
		ctx.End()
	}
}

// handOver gives the connection to net/http, with the bytes that were read.
func (c *conn) handOver() {
	c.setReadDeadline(time.Time{})
	c.beginRead()
	nc := c.nc
	if c.in != nil {
		nc = &prefixed{Conn: nc, prefix: bytes.Clone(c.in.data[c.in.next:c.in.end])}
	}
	c.handed = true
	c.server.standard.pass(nc)
}

// end closes the connection, unless it was handed over.
func (c *conn) end() {
	if !c.handed {
		_ = c.nc.Close()
	}
	c.server.forget(c)
	if c.in != nil {
		c.in.next = c.in.end
		c.free()
	}
}

// linger lets the client read the last answer although it still sends: closing
// at once would take the answer away with a reset.
func (c *conn) linger() {
	half, ok := c.nc.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		return
	}
	_ = c.nc.SetReadDeadline(time.Now().Add(lingerTime))
	_, _ = io.CopyN(io.Discard, c.nc, drainBytes)
}

// lingerTime is how long a client that still sends is given to read why it is
// not heard. It is net/http's number.
const lingerTime = 500 * time.Millisecond

// beginRead makes the system know the deadline of the read that follows. It
// is not told earlier: most bodies are there with the head, and setting
// deadlines for reads that do not happen would cost more than these.
func (c *conn) beginRead() {
	c.mu.Lock()
	c.reading = true
	c.arm()
	c.mu.Unlock()
}

func (c *conn) endRead() {
	c.mu.Lock()
	c.reading = false
	c.mu.Unlock()
}

// arm sets the deadline; mu is held.
func (c *conn) arm() {
	if !c.armed.Equal(c.readBy) {
		c.armed = c.readBy
		_ = c.nc.SetReadDeadline(c.readBy) // fails if closed, as the read will
	}
}

// setReadDeadline sets the deadline of the read under way and of later ones.
func (c *conn) setReadDeadline(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.readBy = t
	if c.reading {
		c.arm()
	}
}

// boundRead sets a deadline for reads if there is none; 0 is none.
func (c *conn) boundRead(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if d > 0 && c.readBy.IsZero() {
		c.readBy = time.Now().Add(d)
	}
}

// idleFrom bounds the wait for the next request. The deadline that the system
// has is kept if it is not far off: setting it anew for each request would cost
// more than parsing it.
func (c *conn) idleFrom(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ctx, c.readBy = nil, time.Time{}
	limit := c.server.idleTimeout
	if limit <= 0 {
		return
	}
	c.readBy = now.Add(limit)
	if early := c.readBy.Sub(c.armed); early >= 0 && early < limit/8 {
		c.readBy = c.armed
	}
}

// tryRead reads what is there, and says false if that is nothing. It is called
// by the runtime, when it may be there.
func (c *conn) tryRead(fd uintptr) bool {
	in := inputs.Get().(*input)
	n, err := rawio.Read(fd, in.data[:])
	if n > 0 {
		in.next, in.end = 0, n
		c.in, c.err = in, nil
		return true
	}
	inputs.Put(in)
	if errors.Is(err, syscall.EAGAIN) {
		return false
	}
	if c.err = err; err == nil {
		c.err = io.EOF
	}
	return true
}

// setWriteDeadline sets the deadline of writes of the answer under way.
func (c *conn) setWriteDeadline(t time.Time) error {
	c.writeBy.Store(!t.IsZero())
	return c.nc.SetWriteDeadline(t)
}

// clearWriteDeadline makes sure that the next answer has none of this one's.
func (c *conn) clearWriteDeadline() bool {
	return !c.writeBy.Swap(false) || c.nc.SetWriteDeadline(time.Time{}) == nil
}
