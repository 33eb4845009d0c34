//go:build !linux

package rawio

import "net"

// Detach does nothing: other systems do not wake a writer without need.
func Detach(net.Conn) error { return nil }

type polled struct{}
