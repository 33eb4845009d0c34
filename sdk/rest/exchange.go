package rest

import (
	"context"
	"io"
	"net/http"
)

// exchange is what one request and its answer share, whichever way they go.
type exchange struct {
	way
	client *Client
	parent context.Context // the caller's
	header http.Header     // of the request, for its secrets
}

// way is how a request and its answer travel: [direct] or [transported].
type way interface {
	io.Reader // of the answer's body
	// end gives up what is left of the answer, for a reason of our own. It is
	// safe to call more than once and from any goroutine.
	end(cause error)
	// cause returns why the exchange was ended, nil if it was not.
	cause() error
	// connected reports whether there was a connection for the request, unsent
	// whether certainly nothing of it went out.
	connected() bool
	unsent() bool
	// drain reads on for a moment, for the end of an answer of which nothing
	// more is wanted.
	drain()
}
