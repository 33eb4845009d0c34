//go:build unix

package admin

import (
	"errors"
	"syscall"
)

// private gives a socket its mode before it gets its name: there is no moment in
// which another user could open it. Not all systems know this; the listener sets
// the mode of the file as well.
func private(_, _ string, c syscall.RawConn) error {
	var chmodErr error
	if err := c.Control(func(fd uintptr) { chmodErr = syscall.Fchmod(int(fd), 0o600) }); err != nil {
		return err
	}
	if errors.Is(chmodErr, syscall.EINVAL) {
		return nil
	}
	return chmodErr
}
