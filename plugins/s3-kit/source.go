package main

import (
	"errors"
	"io"
	"sync"
	"sync/atomic"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// source is the caller's upload. It counts, sums up, remembers why it failed,
// and can be taken away from a transport that has not yet noticed that its
// request is over.
type source struct {
	length int64 // -1 if not known

	mu   sync.Mutex // held while reading
	from io.Reader
	sums checksums
	n    int64
	err  error // why reading failed; not io.EOF

	gate   sync.Mutex
	closed bool
}

func newSource(req *provider.TransferRequest, sums checksums) *source {
	if req.Data == nil {
		return &source{sums: sums} // an empty object
	}
	return &source{from: req.Data, length: req.DataLength, sums: sums}
}

// Read implements [io.Reader].
func (s *source) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.isClosed():
		return 0, errors.New("the upload is over")
	case s.from == nil:
		return 0, io.EOF
	}
	n, err := s.from.Read(p)
	s.n += int64(n)
	s.sums.write(p[:n])
	if err != nil && err != io.EOF { // an end that is wrapped is not one
		s.err = err
	}
	return n, err
}

func (s *source) isClosed() bool {
	s.gate.Lock()
	defer s.gate.Unlock()
	return s.closed
}

// close makes later reads fail. One that is under way ends with the call.
func (s *source) close() {
	s.gate.Lock()
	defer s.gate.Unlock()
	s.closed = true
}

// count is the number of bytes that were read.
func (s *source) count() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.n
}

// verify compares the sums of all that was read with those that were given.
func (s *source) verify() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if name := s.sums.wrong(); name != "" {
		return invalid(name, "%q is not that of the upload, which was not stored", name)
	}
	return nil
}

// failure is err, or why the upload failed, which is the cause then. The
// transport can still be reading: its state is only asked for, not waited for.
func (s *source) failure(err error) error {
	if s.mu.TryLock() {
		defer s.mu.Unlock()
		if s.err != nil {
			return s.err
		}
	}
	return err
}

// section is the next n bytes of the source. The last one looks at what follows
// and at the sums before it hands out its last bytes: an upload that is too long
// or another than announced then breaks off, and is not stored.
func (s *source) section(n int64, last bool) *section {
	sec := &section{from: s, last: last}
	sec.left.Store(n)
	return sec
}

// section ends after its bytes, and fails if the source ends before. Only one
// goroutine reads it, but the request can be over before that one knows.
type section struct {
	from *source
	last bool
	left atomic.Int64
}

// Read implements [io.Reader].
func (s *section) Read(p []byte) (int, error) {
	left := s.left.Load()
	if left <= 0 {
		return 0, io.EOF
	}
	n, err := io.ReadAtLeast(s.from, p[:min(int64(len(p)), left)], 1)
	if errors.Is(err, io.EOF) {
		return 0, s.from.short(left)
	}
	if err == nil && s.last && int64(n) == left {
		err = s.from.end()
	}
	if err != nil {
		return 0, err
	}
	s.left.Add(-int64(n))
	return n, nil
}

// whole reports whether all of the section was read. Then nobody reads the
// source any more.
func (s *section) whole() bool { return s.left.Load() == 0 }

// short is the error of an upload that ends too early.
func (s *source) short(missing int64) error {
	return s.fail(provider.Errorf(provider.CodeCanceled, "the upload ended %d bytes before its announced length: %w", missing, io.ErrUnexpectedEOF))
}

// end checks that nothing follows, and the sums.
func (s *source) end() error {
	var more [1]byte
	switch n, err := s.Read(more[:]); {
	case n > 0:
		return s.fail(invalid("", "the upload is longer than its announced %d bytes", s.length))
	case err != nil && !errors.Is(err, io.EOF):
		return err
	}
	return s.fail(s.verify())
}

// fail remembers why the upload cannot go on.
func (s *source) fail(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.err = err
	}
	return err
}
