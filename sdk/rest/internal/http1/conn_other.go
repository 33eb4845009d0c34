//go:build !unix

package http1

import "net"

// Supported reports whether the package works on this system: it must be able
// to ask the kernel about a connection without waiting.
const Supported = false

// descriptor asks the kernel about a connection without waiting.
type descriptor struct{}

func newDescriptor(net.Conn) *descriptor { return nil }

func (*descriptor) write([]byte) (int, error) { return 0, nil }

func (*descriptor) read([]byte) (int, error) { return 0, nil }

func (*descriptor) silent() (bool, error) { return false, nil }
