package api

import (
	"context"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/backplane-dev/backplane/host/internal/admission"
	"github.com/backplane-dev/backplane/host/internal/caller"
	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/schema"
)

// New makes the handler of the whole data plane.
func New(core Core, opts Options) http.Handler {
	s := newServer(core, opts)
	s.routes = make(map[string]route)
	s.find = s.byPath
	s.routes["/healthz"] = route{get: (*exchange).healthz}
	s.routes["/readyz"] = route{get: (*exchange).readyz}
	s.routes["/v1/models"] = route{get: (*exchange).models}
	if s.opts.Metrics != nil {
		s.routes["/metrics"] = route{get: func(x *exchange) { s.opts.Metrics.ServeHTTP(x.w, x.r) }}
	}
	for _, op := range wellKnown {
		s.routes[op.path] = route{post: func(x *exchange) { x.serve(op) }}
	}
	return s
}

// Endpoint makes a handler for one endpoint: POST /{operation} calls it, GET /
// says what it can do. Mount it with [http.StripPrefix].
func Endpoint(core Core, id string, opts Options) http.Handler {
	s := newServer(core, opts)
	s.find = func(path string) (route, bool) {
		return endpointRoute(id, strings.TrimPrefix(path, "/"))
	}
	return s
}

// server is a handler; it is safe for concurrent use.
type server struct {
	core   Core
	opts   Options
	who    who
	routes map[string]route
	find   func(path string) (route, bool)
}

func newServer(core Core, opts Options) *server {
	return &server{core: core, opts: opts.withDefaults(), who: newWho(&opts)}
}

// route says what a path does with a method; nil is "not allowed", and for head
// that net/http makes it of get.
type route struct {
	get, post         func(x *exchange)
	head, put, remove func(x *exchange)
}

// handler returns what the path does with a method, nil if nothing.
func (r route) handler(method string) func(x *exchange) {
	switch method {
	case http.MethodGet:
		return r.get
	case http.MethodPost:
		return r.post
	case http.MethodHead:
		if r.head != nil {
			return r.head
		}
		return r.get
	case http.MethodPut:
		return r.put
	case http.MethodDelete:
		return r.remove
	default:
		return nil
	}
}

// allow lists the methods of the route, as the header Allow wants them.
func (r route) allow() string {
	var allowed []string
	for _, method := range []string{http.MethodDelete, http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodPost, http.MethodPut} {
		if method == http.MethodOptions || r.handler(method) != nil {
			allowed = append(allowed, method)
		}
	}
	return strings.Join(allowed, ", ")
}

// exchange is one request and its answer. It is used by one goroutine.
type exchange struct {
	*server
	w  http.ResponseWriter
	r  *http.Request
	id string
	// ctx is the request's context with the caller, once that is known, and
	// caller the room for it.
	ctx    context.Context
	caller caller.Context
	// req is what the core is asked for. Being a part of the exchange it costs no
	// allocation; whoever still holds it afterwards holds the exchange.
	req provider.Request
	// timeout is the caller's limit, 0 for none.
	timeout time.Duration
	// share is the room of the request's body in the memory for all bodies. It is
	// given back when nothing works with the body any more.
	share admission.Share
	// began is true once the answer's status was written.
	began bool
	// object is true if the path names an object: then the answer's status and
	// encoding are the object's, as HTTP has words for both.
	object bool
	// fields takes the answer's headers at less than what w.Header() costs; nil if
	// w has nothing of the kind.
	fields fieldSetter
}

// fieldSetter is what the writers of package front have beside a header.
type fieldSetter interface{ SetField(canonical, value string) }

// set sets a header of the answer, given by its canonical name, as
// [http.Header.Set] does.
func (x *exchange) set(canonical, value string) {
	if x.fields != nil {
		x.fields.SetField(canonical, value)
		return
	}
	x.w.Header()[canonical] = []string{value}
}

// ServeHTTP implements [http.Handler].
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := &exchange{server: s, w: w, r: r, id: requestID(r.Header)}
	x.fields, _ = w.(fieldSetter)
	defer x.guard()
	defer x.share.Release()
	x.set("X-Request-Id", x.id)
	target, ok := s.find(r.URL.Path)
	if !ok {
		x.fail(s.unknownPath(r))
		return
	}
	if r.Method == http.MethodOptions {
		w.Header().Set("Allow", target.allow())
		w.WriteHeader(http.StatusNoContent)
		return
	}
	handle := target.handler(r.Method)
	if handle == nil {
		w.Header().Set("Allow", target.allow())
		x.fail(wrongMethod(r, target.allow()))
		return
	}
	handle(x)
}

// guard turns a panic into an answer: a defect must cost one request only.
func (x *exchange) guard() {
	cause := recover()
	if cause == nil {
		return
	}
	if cause != http.ErrAbortHandler {
		x.opts.Log.Error("handler panicked", "request_id", x.id, "path", x.r.URL.Path, "panic", cause, "stack", string(debug.Stack()))
		if !x.began {
			x.fail(&provider.Error{Code: provider.CodeInternal, Source: provider.SourceHost,
				Message: "the host failed to handle the request; its log says why, under request id " + x.id})
			return
		}
	}
	// The answer has begun. Cutting the connection is the only way left to tell
	// the caller that it is not complete.
	panic(http.ErrAbortHandler)
}

// byPath finds the route of a path of the whole data plane.
func (s *server) byPath(path string) (route, bool) {
	if r, ok := s.routes[path]; ok {
		return r, true
	}
	if id, ok := strings.CutPrefix(path, "/v1/models/"); ok && id != "" {
		return route{get: func(x *exchange) { x.model(id) }}, true
	}
	if rest, ok := strings.CutPrefix(path, "/v1/endpoints/"); ok {
		id, operation, _ := strings.Cut(rest, "/")
		return endpointRoute(id, operation)
	}
	return route{}, false
}

// endpointRoute finds what can be done with an endpoint.
func endpointRoute(id, operation string) (route, bool) {
	bucket, named := strings.CutPrefix(operation, "objects/")
	switch {
	case id != "" && named:
		return objectRoute(id, bucket)
	case id == "" || strings.Contains(operation, "/"):
		return route{}, false
	case operation == "":
		return route{get: func(x *exchange) { x.operations(id) }}, true
	default:
		return route{post: func(x *exchange) { x.endpoint(id, operation) }}, true
	}
}

// unknownPath is the error for a path that does not exist.
func (s *server) unknownPath(r *http.Request) error {
	path := r.URL.Path[:min(len(r.URL.Path), 200)]
	message := "there is nothing at " + path
	if s.routes == nil {
		return &problem{status: http.StatusNotFound, kind: kindInvalid, code: "not_found",
			message: message + "; POST to /{operation}, or GET / to see the operations"}
	}
	near := s.nearestPath(path)
	switch {
	case near != "":
	case strings.HasPrefix(path, "/v1/"): // one of OpenAI's that has no path of its own here, such as files
		return &problem{status: http.StatusNotFound, kind: kindInvalid, code: "not_found",
			message: message + "; POST /v1/endpoints/{id}/{operation} reaches every operation of an endpoint, GET /v1/endpoints/{id} lists them"}
	default:
		near = "/v1/chat/completions or GET /v1/models"
	}
	return &problem{status: http.StatusNotFound, kind: kindInvalid, code: "not_found",
		message: message + "; did you mean " + near + "?"}
}

// nearestPath finds the path that was most likely meant, also where the caller
// left out /v1 or wrote it twice.
func (s *server) nearestPath(path string) string {
	paths := []string{"/v1/endpoints/{id}/{operation}"}
	for p := range s.routes {
		paths = append(paths, p)
	}
	slices.Sort(paths)
	trimmed := strings.TrimRight(path, "/")
	for _, guess := range []string{trimmed, "/v1" + trimmed, strings.TrimPrefix(trimmed, "/v1")} {
		if slices.Contains(paths, guess) {
			return guess
		}
	}
	if near := schema.Nearest(trimmed, paths); near != "" {
		return near
	}
	return schema.Nearest("/v1"+trimmed, paths)
}

func wrongMethod(r *http.Request, allow string) error {
	return &problem{status: http.StatusMethodNotAllowed, kind: kindInvalid, code: "method_not_allowed",
		message: r.Method + " is not allowed for " + r.URL.Path + "; use one of " + allow}
}
