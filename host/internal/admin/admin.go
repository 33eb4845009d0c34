package admin

import (
	"net/http"
	"net/url"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/hashicorp/go-hclog"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// Root is where the API begins.
const Root = "/admin/v1"

// New makes the handler of the admin API.
func New(core Core, opts Options) http.Handler {
	if opts.Log == nil {
		opts.Log = hclog.NewNullLogger()
	}
	return &server{core: core, log: opts.Log}
}

// server is the handler; it is safe for concurrent use.
type server struct {
	core Core
	log  hclog.Logger
}

// exchange is one request and its answer.
type exchange struct {
	*server
	w http.ResponseWriter
	r *http.Request
	// args are the values of the path's variables, in order.
	args  []string
	began bool
}

// route is one thing that can be done. Its path is below Root and has its
// variables in braces, as in the OpenAPI document.
type route struct {
	method, path string
	handle       func(x *exchange) error
}

// routes lists all that the API can do.
func routes() []route {
	return []route{
		{"GET", "/endpoints", (*exchange).listEndpoints},
		{"POST", "/endpoints", (*exchange).createEndpoint},
		{"GET", "/endpoints/{id}", (*exchange).getEndpoint},
		{"PATCH", "/endpoints/{id}", (*exchange).updateEndpoint},
		{"DELETE", "/endpoints/{id}", (*exchange).deleteEndpoint},
		{"POST", "/endpoints/{id}/test", (*exchange).testEndpoint},
		{"GET", "/endpoints/{id}/explain", (*exchange).explainEndpoint},
		{"PUT", "/endpoints/{id}/circuit", (*exchange).setCircuit},
		{"GET", "/endpoints/{id}/stats", (*exchange).endpointStats},
		{"DELETE", "/endpoints/{id}/stats", (*exchange).resetStats},
		{"GET", "/stats", (*exchange).listStats},
		{"GET", "/requests", (*exchange).listRequests},
		{"GET", "/requests/{id}", (*exchange).showRequest},
		{"GET", "/providers", (*exchange).listProviders},
		{"GET", "/providers/{name}", (*exchange).getProvider},
		{"POST", "/providers/{name}/swap", (*exchange).swapProvider},
		{"POST", "/providers/{name}/rollback", (*exchange).rollbackProvider},
		{"POST", "/providers/{name}/restart", (*exchange).restartProvider},
		{"GET", "/models", (*exchange).listModels},
		{"POST", "/plan", (*exchange).plan},
		{"POST", "/reload", (*exchange).reload},
		{"GET", "/openapi.json", (*exchange).openAPI},
	}
}

// ServeHTTP implements [http.Handler].
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := &exchange{server: s, w: w, r: r}
	defer x.guard()
	// Nothing here may be kept by anybody on the way.
	w.Header().Set("Cache-Control", "no-store")
	if err := fromBrowser(r); err != nil {
		x.fail(err)
		return
	}
	if strings.HasPrefix(r.URL.Path, profilesRoot) {
		profiles(w, r)
		return
	}
	handle, allowed := x.find()
	switch {
	case handle != nil:
		if err := handle(x); err != nil {
			x.fail(err)
		}
	case len(allowed) == 0:
		x.fail(&problem{status: http.StatusNotFound, code: string(provider.CodeNotFound),
			message: "there is nothing at " + r.URL.Path + "; " + Root + "/openapi.json describes what there is"})
	case r.Method == http.MethodOptions:
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		w.WriteHeader(http.StatusNoContent)
	default:
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		x.fail(&problem{status: http.StatusMethodNotAllowed, code: "method_not_allowed",
			message: r.Method + " is not allowed for " + r.URL.Path + "; use one of " + strings.Join(allowed, ", ")})
	}
}

// find returns what to do, or, if the method does not fit, the methods that do.
func (x *exchange) find() (handle func(*exchange) error, allowed []string) {
	// The escaped path, so that a variable may hold a slash.
	path, ok := strings.CutPrefix(x.r.URL.EscapedPath(), Root)
	if !ok {
		return nil, nil
	}
	method := x.r.Method
	if method == http.MethodHead {
		method = http.MethodGet // net/http leaves the body out
	}
	for _, r := range routes() {
		args, ok := match(r.path, path)
		if !ok {
			continue
		}
		if r.method == method {
			x.args = args
			return r.handle, nil
		}
		allowed = append(allowed, r.method)
	}
	if slices.Contains(allowed, http.MethodGet) {
		allowed = append(allowed, http.MethodHead)
	}
	if len(allowed) > 0 {
		allowed = append(allowed, http.MethodOptions)
	}
	slices.Sort(allowed)
	return nil, allowed
}

// match holds a path against a pattern and returns the values of its variables.
func match(pattern, path string) (args []string, ok bool) {
	want, got := strings.Split(pattern, "/"), strings.Split(path, "/")
	if len(want) != len(got) {
		return nil, false
	}
	for i, w := range want {
		if !strings.HasPrefix(w, "{") {
			if w != got[i] {
				return nil, false
			}
			continue
		}
		value, err := url.PathUnescape(got[i])
		if err != nil || value == "" {
			return nil, false
		}
		args = append(args, value)
	}
	return args, true
}

// guard turns a panic into an answer: a defect must cost one request only.
func (x *exchange) guard() {
	cause := recover()
	if cause == nil {
		return
	}
	if cause == http.ErrAbortHandler || x.began {
		panic(http.ErrAbortHandler)
	}
	x.log.Error("handler panicked", "path", x.r.URL.Path, "panic", cause, "stack", string(debug.Stack()))
	x.fail(&problem{status: http.StatusInternalServerError, code: string(provider.CodeInternal),
		message: "the host failed to handle the request; its log says why"})
}
