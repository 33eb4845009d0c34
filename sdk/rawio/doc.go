// Package rawio reads and writes sockets that never wait without announcing it to
// Go's scheduler.
//
// A system call that [syscall.Read] or [syscall.Write] makes could take long, so the
// runtime prepares to give the processor to another thread: it wakes its monitor, a
// thread that then looks every 20 us whether the call is still under way, and after
// one that took longer starts a thread more. For a socket in non-blocking mode, as
// all of Go's are, the call returns at once, and the preparation costs more than
// the call. Measured with one request at a time through host and plugin, half of
// the context switches and a fifth of the CPU time were the monitor's; with 64 at
// once it was a tenth.
//
// The price: while the kernel is at work, the processor does nothing else and a
// collection that begins waits for it. That is some microseconds, since nothing in
// such a call waits for a peer, and pieces are small: see [Read]. It must not be used on a descriptor that can wait: a
// file, a terminal, a socket in blocking mode.
//
// Host and SDK use it for all that is on the path of a request: the caller's
// connection, the one between host and plugin, the one to the service.
//
// It is so on Linux alone. Elsewhere, and under the race detector, which learns from
// [syscall.Read] and [syscall.Write] what happened before what, they are what is
// called.
package rawio
