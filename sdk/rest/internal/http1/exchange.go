package http1

import (
	"context"
	"errors"
	"net/http"
	"os"
	"sync"
	"time"
)

// ErrIdle is the cause of an exchange whose service fell silent in its answer.
var ErrIdle = errors.New("idle timeout")

// Request is what an exchange sends.
type Request struct {
	// Head is the request line and the fields, with the blank line at the end. A
	// small body can stand behind it, so that both leave in one write. Free, if
	// set, is called once when Head is not needed any more: by Do, or after it by
	// another goroutine.
	Head []byte
	Free func()
	// Body is sent after the head. It must not change until the exchange is over.
	Body []byte
	// NoBody is set for HEAD, whose answer has no body whatever its header says.
	NoBody bool
}

// Exchange is a request and its answer. It is used by one goroutine and for one
// request, but for End and Cause. The zero value is ready.
type Exchange struct {
	// FirstByte bounds the wait for the header of the answer from the moment at
	// which the request was sent, Idle the silence between two reads of its body.
	// 0 is no bound.
	FirstByte, Idle time.Duration

	// The answer, once Do has returned.
	Status int
	Header http.Header
	Length int64 // of the body, -1 if not known

	conn   *conn
	forget func() bool // of the context; nil if it never ends
	out    sender
	in     input
	body   framing

	mu      sync.Mutex
	over    bool // the connection is none of ours any more
	cause   error
	waiting bool      // for the header
	until   time.Time // at which it must be there, zero for no bound
}

// Do sends the request over a connection of the pool and reads the header of the
// answer. If it fails, the exchange is over. If ctx ends before the exchange is
// over, its connection is closed at once.
func (x *Exchange) Do(ctx context.Context, pool *Pool, r Request) error {
	x.out.free = r.Free
	if err := x.begin(ctx, pool); err != nil {
		x.out.release()
		return err
	}
	h, err := x.ask(r)
	if err != nil {
		x.abort()
		return err
	}
	x.Status, x.Header, x.Length = h.status, h.header, h.length
	x.body.begin(pool, h)
	if x.in.start == x.in.end {
		x.in.release(0)
	}
	if x.body.kind == empty {
		x.finish()
	}
	return nil
}

// begin finds a connection and ties it to the context.
func (x *Exchange) begin(ctx context.Context, pool *Pool) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c, err := pool.get(ctx)
	if err != nil {
		return err
	}
	x.conn = c
	x.forget = whenEnded(ctx, c.kill)
	return nil
}

// whenEnded has f called in a goroutine of its own at the end of ctx, until forget
// is called. It returns nil if ctx never ends. Package context would make another
// context for that; those that have an AfterFunc need none.
func whenEnded(ctx context.Context, f func()) (forget func() bool) {
	if own, ok := ctx.(interface{ AfterFunc(func()) func() bool }); ok {
		return own.AfterFunc(f)
	}
	if ctx.Done() == nil {
		return nil
	}
	return context.AfterFunc(ctx, f)
}

// ask sends the request and reads the header of the answer. The answer counts
// even if the request could not be sent whole: it says why.
func (x *Exchange) ask(r Request) (head, error) {
	x.waiting = true
	sent := x.send(r)
	if sent != nil && x.Unsent() {
		return head{}, sent
	}
	h, err := x.readHead(r.NoBody)
	x.mu.Lock()
	x.waiting = false
	if !x.until.IsZero() { // what sentNow has told the system
		x.conn.bound = x.until
	}
	x.mu.Unlock()
	if errors.Is(err, os.ErrDeadlineExceeded) {
		x.out.wait() // it set the deadline
		if x.out.err != nil {
			err = x.out.err // the service did not use its last moment
		}
	}
	return h, err
}

// sentNow notes that nothing more of the request will be sent, and bounds the
// wait for the answer. After a failure the answer is there already or never
// comes.
func (x *Exchange) sentNow(failed error) {
	const lastWords = time.Second
	bound := x.FirstByte
	if failed != nil {
		bound = lastWords
	}
	if bound <= 0 {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.waiting { // the deadline is the body's otherwise
		x.until = time.Now().Add(bound)
		_ = x.conn.SetReadDeadline(x.until) // fails if the connection is closed, as the read will
	}
}

// answerBound returns the time at which the header must be there, zero for no
// bound.
func (x *Exchange) answerBound() time.Time {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.until
}

// Connected reports whether there was a connection.
func (x *Exchange) Connected() bool { return x.conn != nil }

// Unsent reports whether certainly nothing of the request went out.
func (x *Exchange) Unsent() bool { return x.conn == nil || x.out.written.Load() == 0 }

// Cause returns with what the exchange was ended, nil if it was not.
func (x *Exchange) Cause() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.cause
}

// End closes the connection unless the answer has come to its end. It can be
// called more than once and from any goroutine. It returns when nothing reads
// the request's body any more.
func (x *Exchange) End(cause error) {
	if !x.leave(cause) {
		return
	}
	x.close()
}

// leave takes the connection from the exchange. It reports false if that was
// done before.
func (x *Exchange) leave(cause error) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.over {
		return false
	}
	x.over, x.cause = true, cause
	return true
}

func (x *Exchange) close() {
	if x.forget != nil {
		x.forget()
	}
	if x.conn != nil {
		x.conn.close()
	}
	x.out.wait()
}

// abort ends the exchange after a failure.
func (x *Exchange) abort() {
	x.End(nil)
	x.in.release(0)
}

// finish gives the connection back after the end of the answer, if it can carry
// another request.
func (x *Exchange) finish() {
	clean := x.in.start == x.in.end // nothing came that nobody asked for
	x.in.release(0)
	again := !x.body.close && clean && x.out.finished()
	if !x.leave(nil) {
		return
	}
	// If the context ended in this moment, the connection is being closed.
	if x.forget != nil && !x.forget() || !again {
		x.close()
		return
	}
	x.body.pool.put(x.conn)
}
