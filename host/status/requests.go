package status

import (
	"strings"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// The values of [RequestFilter.Code] that are no code.
const (
	CodeOK     provider.Code = "ok"     // requests that succeeded
	CodeFailed provider.Code = "failed" // requests that failed, whatever the code
)

// RequestFilter chooses among recent requests. Each field that is set narrows
// the choice; the zero value chooses all.
type RequestFilter struct {
	// Endpoint, Model and Tenant must be equal to the request's.
	Endpoint string
	Model    string
	Tenant   string
	// ID is the id of the request. A caller may use one twice, and a request that
	// went to several endpoints is kept by each of them.
	ID string
	// Code is how the request ended, or one of its attempts; or [CodeOK] or
	// [CodeFailed].
	Code provider.Code
	// Since leaves out requests that arrived before it.
	Since time.Time
	// Slower leaves out requests that took less.
	Slower time.Duration
	// Text must be found in the request's id, operation, model, tenant or
	// errors, in whatever case.
	Text string
	// Limit bounds the number of requests; 0 is no bound.
	Limit int
}

// Match reports whether the filter chooses r. It does not look at Limit.
func (f *RequestFilter) Match(r *Request) bool {
	switch {
	case f.Endpoint != "" && f.Endpoint != r.Endpoint,
		f.Model != "" && f.Model != r.Model,
		f.Tenant != "" && f.Tenant != r.Tenant,
		f.ID != "" && f.ID != r.ID,
		r.Duration < f.Slower,
		!f.Since.IsZero() && r.At.Before(f.Since):
		return false
	}
	return f.matchCode(r) && (f.Text == "" || r.holds(f.Text))
}

func (f *RequestFilter) matchCode(r *Request) bool {
	switch f.Code {
	case "":
		return true
	case CodeOK:
		return r.Success
	case CodeFailed:
		return !r.Success
	case r.Code:
		return true
	}
	for i := range r.Tries {
		if r.Tries[i].Code == f.Code {
			return true
		}
	}
	return false
}

// holds reports whether one of the request's words contains text.
func (r *Request) holds(text string) bool {
	text = strings.ToLower(text)
	in := func(s string) bool { return strings.Contains(strings.ToLower(s), text) }
	if in(r.ID) || in(r.Operation) || in(r.Model) || in(r.Tenant) || in(r.Error) {
		return true
	}
	for i := range r.Tries {
		if in(r.Tries[i].Error) || in(r.Tries[i].Next) {
			return true
		}
	}
	return false
}
