package front

import (
	"net/http"
	"net/url"

	"github.com/backplane-dev/backplane/host/internal/ends"
)

// exchange is the memory of one request and its answer, apart from what they
// hold of varying size. It is not used again: handlers may leave goroutines
// behind that still look at it.
type exchange struct {
	ctx      ends.Context
	response response
	body     body
	url      url.URL
}

// request makes the request of a head.
func (x *exchange) request(c *conn, h *head) *http.Request {
	x.ctx.Begin(c.base.Context())
	r := c.base.WithContext(&x.ctx)
	x.url = h.url
	r.Method, r.URL, r.RequestURI, r.Host = h.method, &x.url, h.target, h.host
	r.Header, r.ContentLength, r.Close = h.header, h.length, h.close
	r.Body = http.NoBody
	x.body = body{c: c, left: h.length}
	if h.length > 0 {
		r.Body = &x.body
	}
	x.response = response{c: c, body: &x.body, length: -1,
		headOnly: h.method == http.MethodHead, last: h.close}
	return r
}
