//go:build !linux

package front

import (
	"errors"
	"syscall"
)

// watcher needs what only Linux has. Without it net/http serves.
type watcher struct{}

func newWatcher() (*watcher, error) { return nil, errors.ErrUnsupported }

func (*watcher) add(syscall.RawConn, uint64) error { return errors.ErrUnsupported }

func (*watcher) run(func(id uint64)) {}

func (*watcher) close() {}
