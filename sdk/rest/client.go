package rest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// Content types.
const (
	TypeJSON        = "application/json"
	TypeEventStream = "text/event-stream"
	TypeLines       = "application/x-ndjson"
)

// Client sends requests to one service. It is safe for concurrent use.
type Client struct {
	base      *url.URL
	transport *http.Transport
	userAgent []string
	idle      time.Duration
	firstByte time.Duration
	maxBody   int64
	maxEvent  int
	classify  func(*provider.Error)
	withBody  func(*provider.Error, []byte)
	secrets   []provider.Secret
}

// New makes a client. Errors are about the options and meant for the operator.
func New(o Options) (*Client, error) {
	base, err := parseBaseURL(o.BaseURL)
	if err != nil {
		return nil, fmt.Errorf("base URL %w", err)
	}
	transport, err := newTransport(o)
	if err != nil {
		return nil, err
	}
	c := &Client{
		base:      base,
		transport: transport,
		idle:      limit(o.IdleTimeout, DefaultIdleTimeout),
		firstByte: limit(o.FirstByteTimeout, 0),
		maxBody:   o.MaxResponseBytes,
		maxEvent:  o.MaxEventBytes,
		classify:  o.Classify,
		withBody:  o.ClassifyBody,
		secrets:   o.Secrets,
	}
	if c.maxBody <= 0 {
		c.maxBody = DefaultMaxResponseBytes
	}
	if o.UserAgent != "" {
		c.userAgent = []string{o.UserAgent}
	}
	return c, nil
}

// Close gives back idle connections. Calls that run are not touched.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

// Request is one call of the service.
type Request struct {
	// Method; "" means POST if there is a body, else GET.
	Method string
	// Path below the base URL, beginning with a slash; escape what you insert
	// with [url.PathEscape].
	Path string
	// Subdomain is put before the base URL's host, for services that name a part
	// of what is asked for there (an S3 bucket); "" for none.
	Subdomain string
	// Query is added to the URL, spaces as %20.
	Query url.Values
	// Header of the request. It is not changed, and its values can be shared
	// between requests.
	Header http.Header
	// ContentType of the body; "" means application/json.
	ContentType string
	// Accept; "" sends none.
	Accept string
	// Body is sent whole, with its length. It must not be changed until Do
	// returned and the answer was read.
	Body []byte
	// Upload is sent in place of Body if it is not nil: UploadLength bytes, or
	// up to its end if that is negative. It is read by one goroutine, which can
	// still wait for a Read to end when Do returns an error.
	Upload       io.Reader
	UploadLength int64
	// KeepEncoding hands out the answer as it is, where its Content-Encoding is
	// a part of what was asked for (a file that was stored compressed).
	KeepEncoding bool
}

// Do sends the request and waits for the header of the answer. Statuses of 200
// to 299 give a [Response], which must be read to its end or closed. All else is
// a [*provider.Error]: a status that is not a success, classified by [CodeOf]
// and [Options.Classify], a network failure, a redirect that must not be
// followed, the end of the context.
//
// When ctx ends, the connection is closed at once, also while the answer is
// being read.
func (c *Client) Do(ctx context.Context, r *Request) (*Response, error) {
	state := &exchange{client: c, parent: ctx, header: r.Header, upload: uploadOf(r)}
	state.trace.GotConn = state.gotConn
	inner, cancel := context.WithCancelCause(ctx)
	state.ctx, state.cancel = inner, cancel
	state.limitHandshake()
	req := c.request(httptrace.WithClientTrace(inner, &state.trace), r, state.upload)

	answer, err := c.roundTrip(req, r)
	if err != nil {
		err = state.failure(err)
		cancel(nil)
		return nil, err
	}
	resp := newResponse(state, answer, r.KeepEncoding && answer.StatusCode < 300)
	if resp.Status < 200 || resp.Status > 299 {
		return nil, resp.failure()
	}
	return resp, nil
}

// request builds the request. GetBody stays nil, so that the transport never
// sends a body a second time of its own accord.
func (c *Client) request(ctx context.Context, r *Request, up *upload) *http.Request {
	req := &http.Request{
		Method:     r.Method,
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
		contentType := r.ContentType
		if contentType == "" {
			contentType = TypeJSON
		}
		req.Header["Content-Type"] = []string{contentType}
	}
	if req.Method == "" {
		req.Method = http.MethodGet
		if req.Body != nil {
			req.Method = http.MethodPost
		}
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

// url joins the base URL, path and query.
func (c *Client) url(r *Request) *url.URL {
	u := *c.base
	if r.Subdomain != "" {
		u.Host = r.Subdomain + "." + u.Host
	}
	if strings.Contains(r.Path, "%") || u.RawPath != "" {
		u.RawPath = u.EscapedPath() + r.Path
		if plain, err := url.PathUnescape(r.Path); err == nil {
			u.Path += plain
		}
	} else {
		u.Path += r.Path
	}
	if len(r.Query) > 0 {
		// Signatures are made of %20, and everybody reads it.
		u.RawQuery = strings.ReplaceAll(r.Query.Encode(), "+", "%20")
	}
	return &u
}
