package endpoint

import (
	"errors"
	"io"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// body is the body of a committed transfer.
type body struct {
	tail
	in   io.ReadCloser
	resp *provider.TransferResponse // tells the finish once in has ended
	over error                      // what Read returns from now on
}

// newBody makes a body. giveBack ends the use of the upload.
func newBody(a *attempt, resp *provider.TransferResponse, giveBack func()) *body {
	b := &body{in: resp.Body, resp: resp}
	b.tail.a = a
	b.tail.shut = func() {
		giveBack()
		_ = b.in.Close() // what it says no longer matters
	}
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
