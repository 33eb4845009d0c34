package endpoint

import (
	"errors"
	"io"
	"sync"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// body is the body of a committed transfer.
type body struct {
	tail
	in   io.ReadCloser
	resp *provider.TransferResponse // tells the finish once in has ended
	over error                      // what Read returns from now on
}

func newBody(a *attempt, resp *provider.TransferResponse) *body {
	b := &body{in: resp.Body, resp: resp}
	b.tail.a = a
	b.tail.shut = func() { _ = b.in.Close() } // what it says no longer matters
	b.usage.Store(resp.Usage)
	return b
}

// Read implements [io.Reader].
func (b *body) Read(p []byte) (int, error) {
	if b.over != nil {
		return 0, b.over
	}
	b.idle.wait()
	n, err := b.read(p)
	b.idle.done(n > 0)
	if err == nil {
		return n, nil
	}
	if errors.Is(err, io.EOF) {
		if f := b.resp.Finish; f != nil && f.Usage != nil {
			b.usage.Store(f.Usage)
		}
		b.over = io.EOF
		b.end(nil)
		return n, io.EOF
	}
	failed := b.a.failure(err)
	b.over = failed
	b.end(failed)
	return n, failed
}

// read asks the plugin for bytes.
func (b *body) read(p []byte) (n int, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = b.a.panicked(p)
		}
	}()
	return b.in.Read(p)
}

// Close implements [io.Closer]. A transfer that has not ended is cancelled.
func (b *body) Close() error {
	b.leave()
	return nil
}

// upload is the caller's data of a transfer. It is lent to one attempt after
// the other, as long as none of it was read.
type upload struct {
	src io.Reader

	mu   sync.Mutex
	read bool
}

// spent reports whether the data was read from, so that no further attempt can
// send it. A nil upload is never spent.
func (u *upload) spent() bool {
	if u == nil {
		return false
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.read
}

// lend gives the data to one attempt.
func (u *upload) lend() *lent { return &lent{u: u} }

// lent is the data in the hands of one attempt. A sender that is still at it
// after the attempt has failed gets an error and leaves the data alone.
type lent struct {
	u    *upload
	back bool // guarded by u.mu
}

// Read implements [io.Reader].
func (l *lent) Read(p []byte) (int, error) {
	l.u.mu.Lock()
	if l.back {
		l.u.mu.Unlock()
		return 0, errors.New("the attempt that this upload belonged to is over")
	}
	l.u.read = true
	l.u.mu.Unlock()
	return l.u.src.Read(p)
}

func (l *lent) giveBack() {
	l.u.mu.Lock()
	defer l.u.mu.Unlock()
	l.back = true
}
