//go:build !unix

package rawio

import (
	"errors"
	"net"
)

// Read is not there.
func Read(uintptr, []byte) (int, error) { return 0, errors.ErrUnsupported }

// Write is not there.
func Write(uintptr, []byte) (int, error) { return 0, errors.ErrUnsupported }

// Wrap returns nc.
func Wrap(nc net.Conn) net.Conn { return nc }
