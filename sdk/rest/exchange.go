package rest

import (
	"context"
	"net/http"
	"net/http/httptrace"
	"sync"
)

// exchange is what one request and its answer share.
type exchange struct {
	client *Client
	parent context.Context // the caller's
	ctx    context.Context // ends with the parent, or when the answer is closed
	cancel context.CancelCauseFunc
	header http.Header
	trace  httptrace.ClientTrace
	upload *upload // nil if there is none

	mu      sync.Mutex // the transport calls gotConn from where it likes
	conn    *countedConn
	before  int64 // what was written on conn before the request
	connect bool  // there was a connection
	tls     handshake
}

// gotConn notes that the request has a connection.
func (x *exchange) gotConn(info httptrace.GotConnInfo) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.connect = true
	if x.tls.timer != nil {
		x.tls.timer.Stop()
	}
	if x.conn = countOf(info.Conn); x.conn != nil {
		x.before = x.conn.written.Load()
	}
	x.watch(x.conn)
}

// connected reports whether there was a connection for the request.
func (x *exchange) connected() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.connect
}

// unsent reports whether certainly nothing of the request went out. A
// connection that other requests use too (HTTP/2) makes it say no.
func (x *exchange) unsent() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return !x.connect || x.conn != nil && x.conn.written.Load() == x.before
}
