// Package handover passes a host's listening sockets to its successor, so that a
// new binary takes over without a refused connection.
//
// The running host starts the new one with its sockets and waits until that says
// that it is ready, which it does once its plugins run. Then both accept from the
// same sockets, and the old one stops accepting and drains. If the new one ends,
// or is not ready in time, the old one runs on as if nothing had happened.
//
// Sockets can come from systemd as well (socket activation): a unit's
// FileDescriptorName is "data" or "admin"; without names the first socket is that
// of the data plane.
package handover

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"

	"github.com/coreos/go-systemd/v22/activation"
	"github.com/coreos/go-systemd/v22/daemon"
)

// The roles of sockets.
const (
	Data  = "data"
	Admin = "admin"
)

// Socket is one that is handed over.
type Socket struct {
	Role     string
	Address  string // as configured
	Listener net.Listener
}

// The variables by which a predecessor tells what it hands over: roles with their
// configured addresses in the order of the descriptors, which begin at firstFile,
// and the descriptor to say ready on.
const (
	socketsEnv = "BACKPLANE_HANDOVER_SOCKETS" // "data=127.0.0.1:8080,admin=unix:/run/b.sock"
	readyEnv   = "BACKPLANE_HANDOVER_READY"
	firstFile  = 3
)

// Sockets are those that a process was started with.
type Sockets struct {
	open  map[string]inherited
	ready *os.File // nil without a predecessor
}

type inherited struct {
	listener net.Listener
	address  string // as configured by the predecessor, "" from systemd
}

// Inherit takes what this process was started with, which may be nothing. It
// removes the variables that say so from the environment, since children are not
// meant; call it once, first of all.
func Inherit() (*Sockets, error) {
	s := &Sockets{open: make(map[string]inherited)}
	spec := os.Getenv(socketsEnv)
	ready := os.Getenv(readyEnv)
	for _, name := range []string{socketsEnv, readyEnv} {
		if err := os.Unsetenv(name); err != nil {
			return nil, err
		}
	}
	if spec == "" {
		return s, s.fromSystemd()
	}
	for i, part := range strings.Split(spec, ",") {
		role, address, ok := strings.Cut(part, "=")
		if !ok {
			return nil, fmt.Errorf("%s is %q: it is for hosts to set, not for people", socketsEnv, spec)
		}
		if err := s.take(role, address, os.NewFile(uintptr(firstFile+i), role)); err != nil {
			return nil, err
		}
	}
	if n, err := strconv.Atoi(ready); err == nil {
		s.ready = os.NewFile(uintptr(n), "ready")
	}
	return s, nil
}

// take makes a listener of an inherited file.
func (s *Sockets) take(role, address string, f *os.File) error {
	l, err := net.FileListener(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("take over the socket %s: %w", role, err)
	}
	if u, ok := l.(*net.UnixListener); ok {
		u.SetUnlinkOnClose(address != "") // systemd's sockets are its own
	}
	s.open[role] = inherited{l, address}
	return nil
}

func (s *Sockets) fromSystemd() error {
	for i, f := range activation.Files(true) {
		role := f.Name()
		if role != Data && role != Admin {
			role = [...]string{Data, Admin}[min(i, 1)]
		}
		if _, twice := s.open[role]; twice {
			_ = f.Close() // of no use
			continue
		}
		if err := s.take(role, "", f); err != nil {
			return err
		}
	}
	return nil
}

// Listener returns the socket of a role, nil if there is none for this address:
// the predecessor's configuration may have had another. Sockets of systemd are
// taken for any address.
func (s *Sockets) Listener(role, address string) net.Listener {
	if s == nil {
		return nil
	}
	in, ok := s.open[role]
	if !ok {
		return nil
	}
	delete(s.open, role)
	if in.address != "" && in.address != address {
		if u, isUnix := in.listener.(*net.UnixListener); isUnix {
			u.SetUnlinkOnClose(false) // the predecessor removes it
		}
		_ = in.listener.Close() // the predecessor has it still
		return nil
	}
	return in.listener
}

// Ready tells predecessor and systemd that this process works. It is nothing to
// a process that has neither.
func (s *Sockets) Ready() error {
	_, err := daemon.SdNotify(false, daemon.SdNotifyReady+"\nMAINPID="+strconv.Itoa(os.Getpid()))
	if s == nil || s.ready == nil {
		return err
	}
	_, writeErr := s.ready.Write([]byte{1})
	err = errors.Join(err, writeErr, s.ready.Close())
	s.ready = nil
	return err
}
