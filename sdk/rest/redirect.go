package rest

import (
	"net/http"
	"net/url"

	"github.com/backplane-dev/backplane/sdk/provider"
)

const maxRedirects = 5

// hop is a request that was answered with a redirect.
type hop struct {
	method string
	url    *url.URL
	upload bool
	count  int // redirects that were followed before
}

// isRedirect reports whether the answer leads elsewhere.
func isRedirect(status int, h http.Header) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return h.Get("Location") != ""
	default:
		return false
	}
}

// follow returns where the request is to be sent next. Redirects are followed on
// the same scheme, host and port. One that would change the method is not: a POST
// turned into a GET gives an answer to another question.
func (f hop) follow(status int, h http.Header) (*url.URL, error) {
	target, err := f.url.Parse(h.Get("Location"))
	if err != nil {
		return nil, redirectError(status, "to an address that is not a URL")
	}
	if problem := f.refusal(status, target); problem != "" {
		return nil, redirectError(status, problem)
	}
	return target, nil
}

// refusal says why a redirect must not be followed, "" if it may be.
func (f hop) refusal(status int, target *url.URL) string {
	keepsMethod := status == http.StatusTemporaryRedirect || status == http.StatusPermanentRedirect ||
		f.method == http.MethodGet || f.method == http.MethodHead
	switch {
	case target.Scheme != f.url.Scheme || target.Host != f.url.Host:
		return "to " + clean(target.Scheme+"://"+target.Host, 200) + ", which is another host; " +
			"if that is right, set base_url to it"
	case !keepsMethod:
		return "in a way that would turn " + f.method + " into GET; set base_url to the final address"
	case f.upload:
		return "after an upload, which cannot be sent twice; set base_url to the final address"
	case f.count >= maxRedirects:
		return "too many times"
	default:
		return ""
	}
}

func redirectError(status int, problem string) *provider.Error {
	return &provider.Error{
		Code:       provider.CodeProtocol,
		StatusCode: status,
		Message:    "the service redirects " + problem,
		Retry:      provider.RetryNever,
		Source:     provider.SourceUpstream,
	}
}
