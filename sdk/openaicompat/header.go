package openaicompat

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// ours are the headers that the plugin or the transport sets.
var ours = []string{
	"Accept", "Accept-Encoding", "Connection", "Content-Length", "Content-Type", "Host",
	"Proxy-Authorization", "Te", "Trailer", "Transfer-Encoding", "Upgrade",
}

// headerProblem says why a header cannot be set, "" if it can.
func (d *Dialect) headerProblem(name, value string) string {
	switch canonical := http.CanonicalHeaderKey(name); {
	case !validHeaderName(name):
		return "is not the name of a header"
	case canonical == http.CanonicalHeaderKey(d.Auth.header()):
		return "carries the key; set api_key instead"
	case slices.Contains(ours, canonical):
		return "is set by the plugin itself; leave it out"
	case !validHeaderValue(value):
		return "has a value with control characters"
	default:
		return ""
	}
}

// validHeaderName reports whether name is a token, as RFC 9110 has it.
func validHeaderName(name string) bool {
	const marks = "!#$%&'*+-.^_`|~"
	for i := range len(name) {
		c := name[i]
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		digit := c >= '0' && c <= '9'
		if !letter && !digit && strings.IndexByte(marks, c) < 0 {
			return false
		}
	}
	return name != ""
}

// validHeaderValue reports whether value has no control characters but tabs.
func validHeaderValue(value string) bool {
	for i := range len(value) {
		if c := value[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// query returns the URL parameters that settings add to every request.
func (d *Dialect) query(s *settings) url.Values {
	var q url.Values
	for _, own := range d.Settings {
		if value := text(s.own[own.Name]); own.Query != "" && value != "" {
			if q == nil {
				q = url.Values{}
			}
			q.Set(own.Query, value)
		}
	}
	return q
}

// header returns the headers that all requests of an endpoint have.
func (d *Dialect) header(s *settings, key provider.Secret) http.Header {
	h := http.Header{}
	for name, value := range d.Headers {
		h.Set(name, value)
	}
	for _, own := range d.Settings {
		if value := text(s.own[own.Name]); own.Header != "" && value != "" {
			h.Set(own.Header, value)
		}
	}
	for name, value := range s.Headers {
		h.Set(name, value)
	}
	if !key.IsZero() {
		h.Set(d.Auth.header(), d.Auth.value(key))
	}
	return h
}

// text returns the value of a JSON string, "" for anything else.
func text(raw json.RawMessage) string {
	if len(raw) < 2 || raw[0] != '"' {
		return ""
	}
	inner := raw[1 : len(raw)-1]
	if bytes.IndexByte(inner, '\\') < 0 {
		return string(inner)
	}
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}
