package rawio

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Detach takes a connection that [Wrap] made from Go's poller and waits for its data
// in a set of its own. It must not be in use at that moment, but for Close. If it
// fails, or if [Wrap] left the connection alone, it stays as it was.
//
// Go's poller asks to be told of each socket when there is room to write again, and
// Linux tells it for a socket of the domain unix whenever the peer has read
// something: with one request at a time, each process is woken once more for each
// answer to its own message, to no purpose, by a peer that pays as much for it as for
// a write. The set asks for data alone, and for room only while a write waits.
func Detach(nc net.Conn) error {
	c, ours := nc.(*conn)
	if !ours || c.own != nil {
		return nil
	}
	own, err := newPolled(c.raw)
	if err != nil {
		return fmt.Errorf("poll a connection apart: %w", err)
	}
	c.own = own
	read, write := c.reads.try, c.writes.try
	c.reads.try = func(uintptr) bool { return read(uintptr(own.fd)) }
	c.writes.try = func(uintptr) bool { return own.write(write) }
	c.reads.wait, c.writes.wait = own.in.raw.Read, own.awaitRoom
	return c.UnixConn.Close() // its descriptor; ours is another one of the same socket
}

// polled is a socket that Go's poller does not know. It knows the sets, in which the
// socket is: what waits for a set is woken by the socket, and deadlines are the set's.
type polled struct {
	fd      int
	in, out *set
	asked   bool // whether out has the socket
}

// newPolled makes another descriptor of a socket and its sets.
func newPolled(of syscall.RawConn) (*polled, error) {
	p := &polled{fd: -1}
	var err error
	outer := of.Control(func(fd uintptr) {
		p.fd, err = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0)
	})
	if err = errors.Join(outer, err); err != nil {
		return nil, err
	}
	if p.in, err = newSet(); err == nil {
		if p.out, err = newSet(); err == nil {
			err = p.in.add(p.fd, unix.EPOLLIN|unix.EPOLLRDHUP)
		}
	}
	if err != nil {
		p.in.close()
		p.out.close()
		return nil, errors.Join(err, unix.Close(p.fd))
	}
	return p, nil
}

// write calls try, and asks to be told of room when there is none.
func (p *polled) write(try func(fd uintptr) bool) bool {
	if try(uintptr(p.fd)) {
		return true
	}
	if !p.asked {
		p.asked = p.out.add(p.fd, unix.EPOLLOUT) == nil
	}
	return false
}

// awaitRoom calls try until it says true, each time when there may be room.
func (p *polled) awaitRoom(try func(fd uintptr) bool) error {
	err := p.out.raw.Read(try)
	if p.asked {
		p.asked = p.out.remove(p.fd) != nil
	}
	return err
}

// set is a set of sockets that the kernel watches.
type set struct {
	file *os.File
	raw  syscall.RawConn
}

func newSet() (*set, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	if err := unix.SetNonblock(fd, true); err != nil { // or the runtime would wait on a thread
		return nil, errors.Join(err, unix.Close(fd))
	}
	file := os.NewFile(uintptr(fd), "epoll")
	raw, err := file.SyscallConn()
	if err == nil {
		err = file.SetDeadline(time.Time{}) // fails where it cannot be waited for
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return &set{file: file, raw: raw}, nil
}

func (s *set) add(fd int, events uint32) error {
	return s.control(unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: events, Fd: int32(fd)})
}

func (s *set) remove(fd int) error { return s.control(unix.EPOLL_CTL_DEL, fd, nil) }

func (s *set) control(op, fd int, event *unix.EpollEvent) error {
	var err error
	outer := s.raw.Control(func(own uintptr) { err = unix.EpollCtl(int(own), op, fd, event) })
	return errors.Join(outer, err)
}

// close ends all that waits.
func (s *set) close() {
	if s != nil {
		_ = s.file.Close()
	}
}

// Close implements [net.Conn].
func (c *conn) Close() error {
	if c.own == nil {
		return c.UnixConn.Close()
	}
	c.own.in.close()
	c.own.out.close()
	// What was waiting returns now, and nothing begins anew: the descriptor is free
	// once both directions are.
	c.reads.mu.Lock()
	defer c.reads.mu.Unlock()
	c.writes.mu.Lock()
	defer c.writes.mu.Unlock()
	fd := c.own.fd
	if fd < 0 {
		return &net.OpError{Op: "close", Net: "unix", Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: net.ErrClosed}
	}
	c.own.fd = -1
	return os.NewSyscallError("close", unix.Close(fd))
}

// SetDeadline implements [net.Conn].
func (c *conn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// SetReadDeadline implements [net.Conn].
func (c *conn) SetReadDeadline(t time.Time) error {
	if c.own == nil {
		return c.UnixConn.SetReadDeadline(t)
	}
	return c.failure("set", c.own.in.file.SetReadDeadline(t))
}

// SetWriteDeadline implements [net.Conn].
func (c *conn) SetWriteDeadline(t time.Time) error {
	if c.own == nil {
		return c.UnixConn.SetWriteDeadline(t)
	}
	return c.failure("set", c.own.out.file.SetReadDeadline(t))
}
