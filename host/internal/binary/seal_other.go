//go:build !linux

package binary

import (
	"errors"
	"io"
)

// keep is for systems with sealed memory.
func (*Binary) keep(io.Reader) error { return errors.ErrUnsupported }
