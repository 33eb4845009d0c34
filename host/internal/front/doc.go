// Package front serves HTTP/1.1 at a lower price than net/http's server, which
// it hands everything to that is not plain.
//
// # What it does itself
//
// Connections of TCP and of unix sockets on Linux, and on them requests whose
// head arrived whole, in one read of up to 8 KiB, and is plain: HTTP/1.1, a
// method like GET or POST, a path, one Host, names and values of printable
// ASCII, a body of declared length or none. Everything else is handed over, with the
// bytes that were read, and stays with net/http: TLS, HTTP/1.0 and HTTP/2, chunked
// requests, Expect, Upgrade, CONNECT, heads that are large, slow, doubtful or
// wrong. So their treatment and the texts of refusals are net/http's own, and
// what this package has to understand is little enough to be certain of it:
// a fuzz target holds each head that it takes against what net/http's server
// makes of the same bytes.
//
// # What handlers find
//
// What they find with net/http: contexts that end when the client leaves or the
// handler has returned, deadlines and full duplex by [http.ResponseController],
// unread bodies that are drained within bounds, [http.ErrAbortHandler]. Not
// there are Hijack, trailers and informational answers. A response is used by
// one goroutine at a time; nothing of a request is used again for the next.
//
// # How clients that leave are noticed
//
// All connections are in one epoll set, which tells only of peers that have
// closed their side, reset the connection, or vanished. It costs one system call
// for each connection and nothing for a request, and it sees a client leave
// while its body is still being read. A client that only ends its sending counts
// as gone, as with net/http.
//
// # Why it exists
//
// net/http keeps a goroutine reading beside each handler, to notice the client
// leave, and with it buffers and a stack. Measured interleaved, medians, on a
// machine with two processors that others used too:
//
//	                                                net/http    front
//	CPU of the host per request, 64 at a time          41 µs    31 µs
//	CPU of the host per request, one at a time        145 µs   111 µs
//	memory of the host for a stream that waits         46 KB    25 KB
//	server and handler alone: CPU, 64 at a time        14 µs     8 µs
//	server and handler alone: allocations                 26       14
//
// fasthttp takes 4 µs for an answer without any handler of ours, but tells no handler that its client has left,
// passes a streamed body through a pipe and a second goroutine, and does not
// serve an [http.Handler], which is what embedders of the host mount.
package front
