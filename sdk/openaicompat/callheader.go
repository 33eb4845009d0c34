package openaicompat

import (
	"maps"
	"net/http"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// headerName is a header's name as the dialect gives it and as package net/http
// writes it.
type headerName struct{ given, canonical string }

// headerNames are the headers that differ between calls, worked out once for an
// endpoint: to make a name canonical takes an allocation.
type headerNames struct {
	forwarded       []headerName // of the caller's, those that may go to the service
	returned        []headerName // of the service's, those that go to the caller
	requestID, auth string
}

func (d *Dialect) headerNames() headerNames {
	names := headerNames{auth: http.CanonicalHeaderKey(d.Auth.header())}
	if d.RequestIDHeader != "" {
		names.requestID = http.CanonicalHeaderKey(d.RequestIDHeader)
	}
	for _, name := range d.ForwardHeaders {
		if d.headerProblem(name, "") == "" {
			names.forwarded = append(names.forwarded, headerName{name, http.CanonicalHeaderKey(name)})
		}
	}
	for _, name := range d.ReturnHeaders {
		names.returned = append(names.returned, headerName{name, http.CanonicalHeaderKey(name)})
	}
	return names
}

// headers makes the headers of one request. They must not be changed: they are the
// endpoint's own if the request adds nothing.
func (e *endpoint) headers(req *provider.Request, h callHeader) http.Header {
	h.own = e.header
	if len(req.Header) > 0 {
		for _, name := range e.names.forwarded {
			value, ok := req.Header[name.given]
			// The operator's word stands above the caller's.
			if _, taken := e.header[name.canonical]; ok && !taken && validHeaderValue(value) {
				h.set(name.canonical, value)
			}
		}
	}
	if e.names.requestID != "" && fitsRequestID(req.RequestID) {
		h.set(e.names.requestID, req.RequestID)
	}
	if !req.Credential.IsZero() {
		h.set(e.names.auth, e.provider.dialect.Auth.value(req.Credential))
	}
	return h.header()
}

// callHeader is a copy of the endpoint's headers that is made once something is
// added to it.
type callHeader struct {
	own, copied http.Header
	space       http.Header // for the copy, empty; nil to make one
	values      []string    // space for what is added
}

// room is for the headers that most calls add.
const room = 4

func (h *callHeader) set(canonical, value string) {
	if h.copied == nil {
		if h.copied = h.space; h.copied == nil {
			h.copied = make(http.Header, len(h.own)+room)
		}
		maps.Copy(h.copied, h.own)
	}
	h.values = append(h.values, value)
	last := len(h.values) - 1
	h.copied[canonical] = h.values[last : last+1 : last+1]
}

func (h *callHeader) header() http.Header {
	if h.copied != nil {
		return h.copied
	}
	return h.own
}
