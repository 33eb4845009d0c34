//go:build unix

package rawio_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/sdk/rawio"
)

// pair returns both ends of a connection, the first as wrap makes it.
func pair(t *testing.T, wrap func(net.Conn) net.Conn) (net.Conn, net.Conn) {
	t.Helper()
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	ours, err := net.Dial("unix", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = ours.Close(), theirs.Close() })
	deadline := time.Now().Add(30 * time.Second)
	if err := errors.Join(ours.SetDeadline(deadline), theirs.SetDeadline(deadline)); err != nil {
		t.Fatal(err)
	}
	return wrap(ours), theirs
}

// ways are what is done to a connection.
var ways = map[string]func(t *testing.T, c net.Conn) net.Conn{
	"wrapped": func(_ *testing.T, c net.Conn) net.Conn { return rawio.Wrap(c) },
	"detached": func(t *testing.T, c net.Conn) net.Conn {
		c = rawio.Wrap(c)
		if err := rawio.Detach(c); err != nil {
			t.Error(err)
		}
		if err := c.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
			t.Error(err)
		}
		return c
	},
}

func TestBytesArriveWholeAndInOrder(t *testing.T) {
	t.Parallel()
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bytesArrive(t, func(c net.Conn) net.Conn { return way(t, c) })
		})
	}
}

func bytesArrive(t *testing.T, way func(net.Conn) net.Conn) {
	ours, theirs := pair(t, way)
	sent := make([]byte, 5<<20) // more than a socket holds
	for i := range sent {
		sent[i] = byte(i * i >> 7)
	}
	var wg sync.WaitGroup
	wg.Go(func() { // they send everything back
		if _, err := io.CopyN(theirs, theirs, int64(len(sent))); err != nil {
			t.Errorf("their end: %v", err)
		}
	})
	wg.Go(func() {
		if n, err := ours.Write(sent); n != len(sent) || err != nil {
			t.Errorf("Write took %d of %d bytes: %v", n, len(sent), err)
		}
	})
	got := make([]byte, len(sent))
	if _, err := io.ReadFull(ours, got); err != nil {
		t.Errorf("read: %v", err)
	}
	wg.Wait()
	if !bytes.Equal(got, sent) {
		t.Error("what came back is not what was sent")
	}
}

// What can happen to a connection looks the same with and without this package.
func TestFailuresAreThoseOfTheConnection(t *testing.T) {
	t.Parallel()
	read := func(c net.Conn) error { _, err := c.Read(make([]byte, 8)); return err }
	write := func(c net.Conn) error { _, err := c.Write(make([]byte, 8)); return err }
	kinds := []error{io.EOF, os.ErrDeadlineExceeded, net.ErrClosed, syscall.EPIPE, syscall.ECONNRESET}
	for name, happens := range map[string]func(ours, theirs net.Conn) error{
		"the peer has closed, read":  func(ours, theirs net.Conn) error { _ = theirs.Close(); return read(ours) },
		"the peer has closed, write": func(ours, theirs net.Conn) error { _ = theirs.Close(); return write(ours) },
		"closed before, read":        func(ours, _ net.Conn) error { _ = ours.Close(); return read(ours) },
		"closed before, write":       func(ours, _ net.Conn) error { _ = ours.Close(); return write(ours) },
		"closed while it waits": func(ours, _ net.Conn) error {
			time.AfterFunc(10*time.Millisecond, func() { _ = ours.Close() })
			return read(ours)
		},
		"deadline while it waits": func(ours, _ net.Conn) error {
			_ = ours.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
			return read(ours)
		},
		"deadline before": func(ours, _ net.Conn) error {
			_ = ours.SetDeadline(time.Now().Add(-time.Second))
			return errors.Join(read(ours), write(ours))
		},
		"a write that nobody reads on": func(ours, theirs net.Conn) error {
			go func() {
				_, _ = theirs.Read(make([]byte, 1)) // it has begun
				_ = ours.SetWriteDeadline(time.Now().Add(-time.Second))
			}()
			n, err := ours.Write(make([]byte, 5<<20))
			if n == 0 {
				t.Error("nothing was written before the deadline")
			}
			return err
		},
		"nothing to read into": func(ours, _ net.Conn) error { _, err := ours.Read(nil); return err },
	} {
		plain, theirs := pair(t, func(c net.Conn) net.Conn { return c })
		want := happens(plain, theirs)
		for way, do := range ways {
			t.Run(name+", "+way, func(t *testing.T) {
				t.Parallel()
				wrapped, theirs := pair(t, func(c net.Conn) net.Conn { return do(t, c) })
				got := happens(wrapped, theirs)
				for _, kind := range kinds {
					if errors.Is(got, kind) != errors.Is(want, kind) {
						t.Errorf("got %v, without this package %v", got, want)
					}
				}
				if (got == nil) != (want == nil) || errors.As(got, new(*net.OpError)) != errors.As(want, new(*net.OpError)) {
					t.Errorf("got %#v, without this package %#v", got, want)
				}
			})
		}
	}
}

func TestConnectionsOfOtherKindsAreLeftAlone(t *testing.T) {
	t.Parallel()
	a, b := net.Pipe()
	defer func() { _, _ = a.Close(), b.Close() }()
	if rawio.Wrap(a) != a {
		t.Error("a pipe was wrapped")
	}
}
