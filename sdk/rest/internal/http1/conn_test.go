//go:build unix

package http1

import (
	"errors"
	"io"
	"net"
	"testing"
	"time"
)

// A connection that reads and writes by itself must fail as [net.Conn] would: the
// errors are told apart, and shown, further up.
func TestAConnectionFailsAsGosOwnDoes(t *testing.T) {
	t.Parallel()
	read := [2]func(*conn, []byte) (int, error){(*conn).read, func(c *conn, p []byte) (int, error) { return c.Conn.Read(p) }}
	write := [2]func(*conn, []byte) (int, error){(*conn).write, func(c *conn, p []byte) (int, error) { return c.Conn.Write(p) }}
	passed := func(near, _ *net.TCPConn) error { return near.SetReadDeadline(time.Now().Add(time.Millisecond)) }
	closed := func(near, _ *net.TCPConn) error { return near.Close() }
	for name, tt := range map[string]struct {
		call  [2]func(*conn, []byte) (int, error)
		spoil func(near, far *net.TCPConn) error
	}{
		"a read beyond its time":    {read, passed},
		"a read at the end":         {read, func(_, far *net.TCPConn) error { return far.Close() }},
		"a read after a reset":      {read, func(_, far *net.TCPConn) error { return errors.Join(far.SetLinger(0), far.Close()) }},
		"a read once it is closed":  {read, closed},
		"a write behind the end":    {write, func(near, _ *net.TCPConn) error { return near.CloseWrite() }},
		"a write once it is closed": {write, closed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var errs [2]error
			for i, call := range tt.call {
				pool, conns := service(t)
				nc, err := pool.Dial(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = nc.Close() }() // a second time, for some
				if err := tt.spoil(nc.(*net.TCPConn), accept(t, conns)); err != nil {
					t.Fatal(err)
				}
				if _, errs[i] = call(newConn(nc), make([]byte, 8)); errs[i] == nil {
					t.Fatal("got no error")
				}
			}
			sameFailure(t, errs[0], errs[1])
		})
	}
}

func sameFailure(t *testing.T, got, want error) {
	t.Helper()
	if want == io.EOF {
		if got != io.EOF {
			t.Errorf("got %v", got)
		}
		return
	}
	var a, b *net.OpError
	switch {
	case !errors.As(got, &a) || !errors.As(want, &b):
		t.Errorf("got %v, want %v", got, want)
	case a.Op != b.Op || a.Net != b.Net || a.Err.Error() != b.Err.Error() || a.Timeout() != b.Timeout():
		t.Errorf("got %v, want %v", got, want)
	case (a.Source == nil) != (b.Source == nil) || (a.Addr == nil) != (b.Addr == nil):
		t.Errorf("got %v, want %v", got, want)
	case !errors.Is(got, root(want)):
		t.Errorf("got %v, which is no %v", got, root(want))
	}
}

// root returns the innermost error.
func root(err error) error {
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(err) {
		err = inner
	}
	return err
}
