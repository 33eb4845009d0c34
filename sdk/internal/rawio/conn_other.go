//go:build !unix

package rawio

import "net"

// Wrap returns nc.
func Wrap(nc net.Conn) net.Conn { return nc }
