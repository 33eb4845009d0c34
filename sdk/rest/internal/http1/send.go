package http1

import (
	"sync/atomic"
	"time"
)

// sender sends the request. What the kernel does not take at once is sent by a
// goroutine, so that a service that answers before it has read the request is
// heard, and never waits for us while we wait for it.
type sender struct {
	written atomic.Int64 // bytes that went out
	free    func()       // gives the head back
	done    chan struct{}
	err     error // valid after done
}

// send begins to send the request. Its error means that no more of it will be
// sent.
func (x *Exchange) send(r Request) error {
	head, body := r.Head, r.Body
	n, err := x.conn.write(head)
	head = head[n:]
	if err == nil && len(head) == 0 && len(body) > 0 {
		var more int
		more, err = x.conn.write(body)
		n, body = n+more, body[more:]
	}
	x.out.written.Store(int64(n))
	if err == nil && len(head)+len(body) > 0 {
		x.out.done = make(chan struct{})
		go x.sendRest(x.conn, head, body)
		return nil
	}
	x.out.release()
	x.out.err = err
	x.sentNow(err)
	return err
}

// sendRest sends what is left of the request.
func (x *Exchange) sendRest(c *conn, parts ...[]byte) {
	var err error
	for _, p := range parts {
		var n int
		if len(p) > 0 && err == nil {
			n, err = c.Write(p)
			x.out.written.Add(int64(n))
		}
	}
	x.out.err = err
	x.out.release()
	x.sentNow(err)
	close(x.out.done)
}

func (s *sender) release() {
	if s.free != nil {
		s.free()
		s.free = nil
	}
}

// wait waits for the end of the goroutine, which is near.
func (s *sender) wait() {
	if s.done != nil {
		<-s.done
	}
}

// finished reports whether the whole request was sent. An answer can come to its
// end a moment before that is known; longer is not waited.
func (s *sender) finished() bool {
	const moment = 50 * time.Millisecond
	if s.done != nil {
		late := time.NewTimer(moment)
		defer late.Stop()
		select {
		case <-s.done:
		case <-late.C:
			return false
		}
	}
	return s.err == nil
}
