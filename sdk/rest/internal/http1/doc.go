// Package http1 is the HTTP/1.1 that package rest speaks to services in plain
// text: a [Pool] of connections to one address and an [Exchange] for each request
// with its answer. The reader of this page works on package rest.
//
// # How it differs from net/http's transport
//
// The transport gives each connection two goroutines and two buffers of 16 KiB,
// so that a request passes through four hand-overs, each of which can wake a
// sleeping thread. Here the caller's goroutine does all of it:
//
//   - It writes the request itself, head and small body at once, and asks the
//     kernel not to wait. Only what the kernel does not take then is left to a
//     goroutine, so that a service which answers early is heard all the same.
//   - It reads the header into a pooled buffer, and the body into the memory of
//     whoever reads it; chunked coding is taken out there, in place. A stream that
//     waits holds no memory but its reader's.
//   - The system calls go by package rawio, without a word to Go's scheduler.
//   - The end of the context closes the connection, by [context.AfterFunc] or what the
//     context has in its place.
//   - Nobody watches an idle connection. It is asked, when it is wanted, whether it
//     is still open and silent, which costs one system call. Connections of other
//     kinds than Go's TCP and unix sockets cannot be asked and are not kept.
//
// # What it costs
//
// Package rest's BenchmarkDo, a whole call with ReadAll, on two cores that others
// used too: 14 allocations and 1.9 KB, four of them the caller's context and
// request, against 70 and 5.7 KB by the transport; 7 to 8 µs of CPU against 17 to
// 19, the fake service's share of both included. BenchmarkStream, 200 chunks that
// come together: 29 to 32 µs against 40 to 42, and no allocation a chunk.
// BenchmarkIdleStreams: 14 KiB for a stream that waits, with its goroutine's stack
// and the fake's end, against 52.
//
// # Why a parser of its own
//
// fasthttp's was the alternative. It wants the whole header in one buffered
// reader, which makes the buffer of each connection as large as the largest header
// (256 KiB here), and its fields have to be copied one by one for [net/http]'s
// map: a common header cost 4.1 µs and 16 allocations that way, as much as with
// [net/http.ReadResponse] (4.0 µs, 14), against 1.5 µs and 4 with one string for
// all fields.
//
// This one is strict: FuzzAnswer holds it to net/http, so that it accepts nothing
// that net/http refuses, and reads the same fields and bytes where both accept.
// It refuses more: an answer with both Content-Length and Transfer-Encoding, a
// Transfer-Encoding in HTTP/1.0, field names that are no tokens.
//
// TLS is left to the transport: most services behind it speak HTTP/2, which shares
// one connection, and the cost of encryption hides the rest.
package http1
