//go:build !linux

package binary

import (
	"errors"
	"os"
)

// keep is for systems with sealed memory.
func (*Binary) keep(*os.File) error { return errors.ErrUnsupported }
