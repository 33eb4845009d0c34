package rest

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptrace"
	"sync"
	"time"
)

// transported is an exchange over net/http's transport, which knows HTTP/2, TLS
// and proxies.
type transported struct {
	exchange
	ctx     context.Context // ends with the parent, or when the answer is closed
	cancel  context.CancelCauseFunc
	trace   httptrace.ClientTrace
	upload  *upload       // nil if there is none
	content io.ReadCloser // the answer's
	timer   *time.Timer   // of a silent answer, nil for no limit

	mu      sync.Mutex // the transport calls gotConn from where it likes
	conn    *countedConn
	before  int64 // what was written on conn before the request
	connect bool  // there was a connection
	tls     handshake
}

// transportRequest sends the request by the transport.
func (c *Client) transportRequest(ctx context.Context, r *Request) (*Response, error) {
	x := &transported{upload: uploadOf(r)}
	x.exchange = exchange{way: x, client: c, parent: ctx, header: r.Header}
	x.trace.GotConn = x.gotConn
	x.ctx, x.cancel = context.WithCancelCause(ctx)
	x.limitHandshake()
	req := c.request(httptrace.WithClientTrace(x.ctx, &x.trace), r, x.upload)
	answer, err := c.roundTrip(req, r) //nolint:bodyclose // end closes it, with the response
	if err != nil {
		err = x.failure(err)
		x.cancel(nil)
		return nil, err
	}
	return x.response(answer, r), nil
}

// response wraps the answer.
func (x *transported) response(answer *http.Response, r *Request) *Response {
	x.content = answer.Body
	if idle := x.client.idle; idle > 0 {
		x.timer = time.AfterFunc(idle, func() { x.cancel(errIdle) })
		x.timer.Stop()
	}
	resp := &Response{Status: answer.StatusCode, Header: answer.Header, Length: answer.ContentLength, body: &body{x: &x.exchange}}
	resp.begin(r.KeepEncoding)
	return resp
}

// Read implements [io.Reader].
func (x *transported) Read(p []byte) (int, error) {
	if x.timer != nil {
		x.timer.Reset(x.client.idle)
		defer x.timer.Stop()
	}
	return x.content.Read(p)
}

func (x *transported) end(cause error) {
	x.cancel(cause)
	_ = x.content.Close() // only says that the connection is gone already
}

func (x *transported) cause() error { return context.Cause(x.ctx) }

func (x *transported) drain() {
	stop := time.AfterFunc(drainTime, func() { x.cancel(errClosed) })
	defer stop.Stop()
	_, _ = io.CopyN(io.Discard, x.content, drainBytes) // whatever comes, it is over
}

// gotConn notes that the request has a connection.
func (x *transported) gotConn(info httptrace.GotConnInfo) {
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

func (x *transported) connected() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.connect
}

// unsent says no on a connection that other requests use too (HTTP/2).
func (x *transported) unsent() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return !x.connect || x.conn != nil && x.conn.written.Load() == x.before
}

// roundTrip sends the request and follows redirects.
func (c *Client) roundTrip(req *http.Request, r *Request) (*http.Response, error) {
	for hops := 0; ; hops++ {
		resp, err := c.transport.RoundTrip(req)
		if err != nil {
			return nil, err
		}
		if !isRedirect(resp.StatusCode, resp.Header) {
			return resp, nil
		}
		_ = resp.Body.Close() // what stands in it is of no use
		from := hop{method: req.Method, url: req.URL, upload: r.Upload != nil, count: hops}
		target, err := from.follow(resp.StatusCode, resp.Header)
		if err != nil {
			return nil, err
		}
		req = req.Clone(req.Context())
		req.URL = target
		if len(r.Body) > 0 && r.Upload == nil {
			req.Body = io.NopCloser(bytes.NewReader(r.Body))
		}
	}
}

// request builds the request. GetBody stays nil, so that the transport never
// sends a body a second time of its own accord.
func (c *Client) request(ctx context.Context, r *Request, up *upload) *http.Request {
	req := &http.Request{
		Method:     r.method(),
		URL:        c.url(r),
		Proto:      "HTTP/1.1",
		ProtoMajor: 1,
		ProtoMinor: 1,
		Header:     make(http.Header, len(r.Header)+3),
	}
	for name, values := range r.Header {
		req.Header[name] = values
	}
	if c.userAgent != nil && req.Header["User-Agent"] == nil { // else the operator has one of its own
		req.Header["User-Agent"] = c.userAgent
	}
	if r.Accept != "" {
		req.Header["Accept"] = []string{r.Accept}
	}
	switch {
	case r.Upload != nil:
		req.Body, req.ContentLength = uploadBody(up), r.UploadLength
	case len(r.Body) > 0:
		req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(r.Body)), int64(len(r.Body))
	}
	if req.Body != nil {
		req.Header["Content-Type"] = []string{r.contentType()}
	}
	if req.Body == nil && (req.Method == http.MethodGet || req.Method == http.MethodHead) {
		req.Body = noBody{}
	}
	return req.WithContext(ctx)
}

// noBody is an empty body that the transport does not know to be empty before
// it has read it: a GET without a body it would send again by itself, if the
// connection breaks before the answer.
type noBody struct{}

// Read implements [io.Reader].
func (noBody) Read([]byte) (int, error) { return 0, io.EOF }

// Close implements [io.Closer].
func (noBody) Close() error { return nil }
