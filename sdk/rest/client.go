package rest

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/rest/internal/http1"
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
	plain     string      // the base URL's path as it is sent
	pool      *http1.Pool // of the direct way; nil if all goes by the transport
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
		plain:     base.EscapedPath(),
		pool:      newPool(o, base, transport.Proxy),
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
func (c *Client) Close() {
	c.transport.CloseIdleConnections()
	if c.pool != nil {
		c.pool.Close()
	}
}

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
	send := c.transportRequest
	if c.pool != nil && r.Upload == nil && r.Subdomain == "" {
		send = c.directRequest
	}
	resp, err := send(ctx, r)
	if err != nil {
		return nil, err
	}
	if resp.Status < 200 || resp.Status > 299 {
		return nil, resp.failure()
	}
	return resp, nil
}

// method returns the request's method.
func (r *Request) method() string {
	switch {
	case r.Method != "":
		return r.Method
	case r.Upload != nil || len(r.Body) > 0:
		return http.MethodPost
	default:
		return http.MethodGet
	}
}

func (r *Request) contentType() string {
	if r.ContentType == "" {
		return TypeJSON
	}
	return r.ContentType
}

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
