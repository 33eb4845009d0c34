// Package session carries many calls of a plugin as frames on one gRPC stream,
// the RPC Session of backplane.provider.v1. It is for the two ends in this SDK:
// package client makes a [Client], package wire calls [Serve]. Neither a host nor
// an author of a plugin can tell which way a call took.
//
// # Why
//
// An RPC costs gRPC a stream of HTTP/2 with its headers, its goroutines and some
// hundred allocations, and a streamed answer one message a chunk. Frames on a
// stream that is there already cost a third of that for a call and a fifth for a
// chunk: BenchmarkCall and BenchmarkStream compare both ways over a unix socket
// with mutual TLS.
//
// # The protocol
//
// The rules stand with SessionRequest in provider.proto, for those who write a
// plugin in another language. In short:
//
//   - The host opens a call with a frame that has the envelope, the mode and the
//     first piece of the body; data frames bring the other pieces. Ids increase
//     and are never used again.
//   - The plugin answers a call with a result, whose body may come in pieces too,
//     and a stream with events. The last frame has end set. An error, with what
//     the status of the plain RPC would say, can stand in place of any of them.
//   - Data events cost credit, as many bytes as their chunks have. A stream starts
//     with 256 KiB of it; the host gives back what was read. So a slow reader
//     makes the host hold one window and one event, and nobody else waits.
//   - cancel ends a call for both sides at once. Frames that are still under way
//     for a call that has ended are late, and ignored.
//   - A breach of the rules ends the stream, and with it all of its calls.
//
// # How frames are sent
//
// All frames of one side pass through one [sender]: callers append to a buffer,
// and one goroutine gives the buffer to gRPC, then the next with what has come
// meanwhile. So the first frame never waits for others but those of goroutines that
// are about to send as well, frames that wait travel together, and nobody but that
// goroutine is held up by a peer that does not read. From 256 KiB of waiting bytes on,
// 768 KiB in the plugin, callers wait for room, bodies go in pieces of 64 KiB in turn
// with the frames of other calls, and waiting ends with the caller's context: a plugin
// that was stopped does not make callers miss
// their deadlines.
//
// # How frames are read
//
// The reader of each side works on the frames while gRPC decodes the message and
// never waits for a call. The host's appends chunks to memory that is used again
// ([batch]); it is valid until the following Next. The plugin's gives a call to a
// worker as soon as its body is complete; workers are used again, see [workers].
//
// # The codec
//
// Frames are protobuf, written and read by hand: nothing is allocated but what a
// call keeps, and texts that come again and again are made once ([interner]).
// Fuzz targets hold the codec against generated code. [outgoing] and [incoming]
// are messages to the protobuf runtime by its fast path, so gRPC's own codec
// takes them and neither end needs an option for it. The host forces [Codec] upon
// the stream all the same: it puts messages together in the same memory each time.
// On the plugin's side one can be forced only upon all RPCs of the server.
package session
