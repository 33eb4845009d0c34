package rest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"github.com/backplane-dev/backplane/sdk/rest/internal/http1"
)

// direct is an exchange over package http1, with its answer: one piece of memory.
type direct struct {
	exchange
	response Response
	body     body
	http     http1.Exchange
}

// newPool makes the connections for the direct way. It returns nil if the base
// URL needs what only net/http's transport has: TLS, a proxy, names that are not
// plain ASCII.
func newPool(o Options, base *url.URL, proxy func(*http.Request) (*url.URL, error)) *http1.Pool {
	if !http1.Supported || base.Scheme != "http" || !isPlainHost(base.Host) {
		return nil
	}
	if proxy != nil { // the environment is read once in a process
		if by, err := proxy(&http.Request{URL: base}); by != nil || err != nil {
			return nil
		}
	}
	port := base.Port()
	if port == "" {
		port = "80"
	}
	dial, address := dialer(o), net.JoinHostPort(base.Hostname(), port)
	return &http1.Pool{
		Dial:     func(ctx context.Context) (net.Conn, error) { return dial(ctx, "tcp", address) },
		MaxIdle:  maxIdle(o),
		IdleLife: idleConnLife,
	}
}

// isPlainHost reports whether the host of a URL is sent as it is.
func isPlainHost(host string) bool {
	return !strings.HasSuffix(host, ":") && strings.Trim(host, hostBytes) == ""
}

const hostBytes = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]"

// directRequest sends the request over a connection of its own and follows
// redirects.
func (c *Client) directRequest(ctx context.Context, r *Request) (*Response, error) {
	from := hop{method: r.method()}
	for target := c.target(r); ; from.count++ {
		d, err := c.once(ctx, r, from.method, target)
		if err != nil {
			return nil, d.failure(err)
		}
		if !isRedirect(d.http.Status, d.http.Header) {
			return d.answer(r), nil
		}
		d.end(nil) // what stands in it is of no use
		if from.url == nil {
			from.url = c.url(r)
		}
		if from.url, err = from.follow(d.http.Status, d.http.Header); err != nil {
			return nil, d.failure(err)
		}
		target = from.url.RequestURI()
	}
}

// once sends the request to the target.
func (c *Client) once(ctx context.Context, r *Request, method, target string) (*direct, error) {
	d := new(direct)
	d.exchange = exchange{way: d, client: c, parent: ctx, header: r.Header}
	d.http.FirstByte, d.http.Idle = c.firstByte, c.idle
	out := newOutgoing()
	if err := out.write(c, r, method, target); err != nil {
		out.release()
		return d, err
	}
	return d, d.http.Do(ctx, c.pool, out.request)
}

// answer makes the response.
func (d *direct) answer(r *Request) *Response {
	d.body = body{x: &d.exchange}
	d.response = Response{Status: d.http.Status, Header: d.http.Header, Length: d.http.Length, body: &d.body}
	d.response.begin(r.KeepEncoding)
	return &d.response
}

// Read implements [io.Reader].
func (d *direct) Read(p []byte) (int, error) { return d.http.Read(p) }

func (d *direct) end(cause error) { d.http.End(cause) }
func (d *direct) cause() error    { return d.http.Cause() }
func (d *direct) connected() bool { return d.http.Connected() }
func (d *direct) unsent() bool    { return d.http.Unsent() }
func (d *direct) drain()          { d.http.Drain(drainTime, drainBytes) }

// target returns the path and query of the request as they are sent.
func (c *Client) target(r *Request) string {
	if len(r.Query) > 0 || !isPlainPath(r.Path) || c.plain+r.Path == "" {
		return c.url(r).RequestURI()
	}
	return c.plain + r.Path
}

// plainPath holds the bytes that stand in a path unescaped.
var plainPath = func() (t [256]bool) {
	for _, c := range []byte("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~/:@$&+,;=") {
		t[c] = true
	}
	return t
}()

func isPlainPath(path string) bool {
	for i := range len(path) {
		if !plainPath[path[i]] {
			return false
		}
	}
	return true
}

// outgoing is a request as it is written, in memory that is used again.
type outgoing struct {
	request http1.Request
	buf     []byte
}

const (
	outgoingSize = 4 << 10
	outgoingMost = 32 << 10 // what is kept of a larger one
	// joined is the size up to which a body is copied behind its header, so that
	// both leave in one write.
	joined = 16 << 10
)

var outgoings sync.Pool

func newOutgoing() *outgoing {
	if o, ok := outgoings.Get().(*outgoing); ok {
		return o
	}
	o := &outgoing{buf: make([]byte, 0, outgoingSize)}
	o.request.Free = o.release
	return o
}

// release gives the memory back.
func (o *outgoing) release() {
	if cap(o.buf) > outgoingMost {
		o.buf = make([]byte, 0, outgoingSize)
	}
	o.buf, o.request = o.buf[:0], http1.Request{Free: o.request.Free}
	outgoings.Put(o)
}

// write puts the request into the memory.
func (o *outgoing) write(c *Client, r *Request, method, target string) error {
	switch {
	case !http1.IsToken(method):
		return fmt.Errorf("invalid method %q", method)
	case strings.ContainsFunc(target, func(c rune) bool { return c <= ' ' || c == 0x7f }):
		return errors.New("can't write control character in Request.URL")
	}
	b := append(o.buf, method...)
	b = append(b, ' ')
	b = append(b, target...)
	b = append(b, " HTTP/1.1\r\n"...)
	b = http1.AppendField(b, "Host", c.base.Host)
	b, err := c.appendHeader(b, r, method)
	if err != nil {
		return err
	}
	b = append(b, "\r\n"...)
	o.request.Body, o.request.NoBody = r.Body, method == http.MethodHead
	if len(r.Body) <= joined {
		b = append(b, r.Body...)
		o.request.Body = nil
	}
	o.buf, o.request.Head = b, b
	return nil
}

// goUserAgent is what net/http sends if nothing else is set.
const goUserAgent = "Go-http-client/1.1"

// appendHeader writes the header's fields, as net/http would: those that say
// where the request goes and how long it is are not the caller's.
func (c *Client) appendHeader(b []byte, r *Request, method string) ([]byte, error) {
	agent := goUserAgent
	if c.userAgent != nil {
		agent = c.userAgent[0]
	}
	if own := r.Header["User-Agent"]; own != nil {
		agent = first(r.Header, "User-Agent")
	}
	fields := fieldWriter{b: b}
	fields.add("User-Agent", agent)
	if len(r.Body) > 0 {
		fields.add("Content-Type", r.contentType())
	}
	fields.add("Accept", r.Accept)
	for name, values := range r.Header {
		if !http1.IsToken(name) {
			return b, fmt.Errorf("invalid header field name %q", name)
		}
		for _, value := range values {
			if !http1.IsValue(value) {
				return b, fmt.Errorf("invalid header field value for %q", name)
			}
		}
		if r.overrides(name) {
			continue
		}
		for _, value := range values {
			fields.b = http1.AppendField(fields.b, name, value)
		}
	}
	if len(r.Body) > 0 || method == http.MethodPost || method == http.MethodPut || method == http.MethodPatch {
		fields.b = append(fields.b, "Content-Length: "...)
		fields.b = strconv.AppendInt(fields.b, int64(len(r.Body)), 10)
		fields.b = append(fields.b, "\r\n"...)
	}
	return fields.b, fields.err
}

// fieldWriter writes fields that have one value, and leaves out the empty ones.
type fieldWriter struct {
	b   []byte
	err error
}

func (w *fieldWriter) add(name, value string) {
	switch {
	case value == "":
	case http1.IsValue(value):
		w.b = http1.AppendField(w.b, name, value)
	default:
		w.err = fmt.Errorf("invalid header field value for %q", name)
	}
}

// overrides reports whether a field of the header is not sent as it stands there.
func (r *Request) overrides(name string) bool {
	switch len(name) {
	case len("Host"):
		return strings.EqualFold(name, "Host")
	case len("Accept"):
		return r.Accept != "" && strings.EqualFold(name, "Accept")
	case len("Trailer"):
		return strings.EqualFold(name, "Trailer")
	case len("User-Agent"):
		return strings.EqualFold(name, "User-Agent")
	case len("Content-Type"):
		return len(r.Body) > 0 && strings.EqualFold(name, "Content-Type")
	case len("Content-Length"):
		return strings.EqualFold(name, "Content-Length")
	case len("Transfer-Encoding"):
		return strings.EqualFold(name, "Transfer-Encoding")
	default:
		return false
	}
}
