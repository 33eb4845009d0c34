package rest

import (
	"bytes"
	"io"
	"net/http"
	"net/url"

	"github.com/backplane-dev/backplane/sdk/provider"
)

const maxRedirects = 5

// roundTrip sends the request and follows redirects on the same scheme, host
// and port. A redirect that would change the method is not followed: a POST
// turned into a GET gives an answer to another question.
func (c *Client) roundTrip(req *http.Request, r *Request) (*http.Response, error) {
	for hops := 0; ; hops++ {
		resp, err := c.transport.RoundTrip(req)
		if err != nil {
			return nil, err
		}
		location := resp.Header.Get("Location")
		if !isRedirect(resp.StatusCode) || location == "" {
			return resp, nil
		}
		_ = resp.Body.Close() // what stands in it is of no use
		target, err := req.URL.Parse(location)
		if err != nil {
			return nil, redirectError(resp, "to an address that is not a URL")
		}
		if problem := refusal(req, resp, target, r.Upload != nil, hops); problem != "" {
			return nil, redirectError(resp, problem)
		}
		req = req.Clone(req.Context())
		req.URL = target
		if len(r.Body) > 0 && r.Upload == nil {
			req.Body = io.NopCloser(bytes.NewReader(r.Body))
		}
	}
}

func isRedirect(status int) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	default:
		return false
	}
}

// refusal says why a redirect must not be followed, "" if it may be.
func refusal(req *http.Request, resp *http.Response, target *url.URL, upload bool, hops int) string {
	keepsMethod := resp.StatusCode == http.StatusTemporaryRedirect || resp.StatusCode == http.StatusPermanentRedirect ||
		req.Method == http.MethodGet || req.Method == http.MethodHead
	switch {
	case target.Scheme != req.URL.Scheme || target.Host != req.URL.Host:
		return "to " + clean(target.Scheme+"://"+target.Host, 200) + ", which is another host; " +
			"if that is right, set base_url to it"
	case !keepsMethod:
		return "in a way that would turn " + req.Method + " into GET; set base_url to the final address"
	case upload:
		return "after an upload, which cannot be sent twice; set base_url to the final address"
	case hops >= maxRedirects:
		return "too many times"
	default:
		return ""
	}
}

func redirectError(resp *http.Response, problem string) *provider.Error {
	return &provider.Error{
		Code:       provider.CodeProtocol,
		StatusCode: resp.StatusCode,
		Message:    "the service redirects " + problem,
		Retry:      provider.RetryNever,
		Source:     provider.SourceUpstream,
	}
}
