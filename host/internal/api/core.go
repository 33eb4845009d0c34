package api

import (
	"context"
	"net/http"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/backplane-dev/backplane/host/internal/admission"
	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// Core is the host behind the handlers. All methods are safe for concurrent
// use; errors are [*provider.Error] values and reports are valid beside them.
//
// Request.Endpoint names the endpoint to use; if it is empty, the request is
// routed by Request.Model. The context ends when the caller leaves, with
// [context.Canceled], or when the caller's own time limit passes, with
// [context.DeadlineExceeded]; for streams and transfers only until they begin.
//
// Request.Body may be used until the method returns, not longer: its memory is
// used again afterwards. It is left to the garbage collector if the method fails or
// the report counts more than one attempt: one that was cut short may still be
// reading it. An upload may be read until the answer's end.
//
// The context carries the caller, see package caller.
type Core interface {
	// Call answers an operation of mode "call".
	Call(ctx context.Context, req *provider.Request) (*provider.Response, status.Report, error)
	// Stream answers an operation of mode "stream". It returns when the first
	// chunk, or the end, is there to be read. ctx governs the whole stream: when it
	// ends, so does a Next that waits.
	Stream(ctx context.Context, req *provider.Request) (provider.EventStream, status.Report, error)
	// Transfer answers an operation of mode "transfer". It returns when the
	// answer begins. ctx governs the whole transfer.
	Transfer(ctx context.Context, req *provider.TransferRequest) (*provider.TransferResponse, status.Report, error)
	// Models lists all models that can be asked for.
	Models(ctx context.Context) ([]provider.Model, error)
	// Operations lists what an endpoint can do, or the endpoints of a route.
	Operations(name string) ([]provider.Operation, error)
	// Ready reports whether requests can be served, and if not, why.
	Ready() (bool, string)
}

// The defaults of [Options].
const (
	DefaultMaxBodyBytes   = 32 << 20
	DefaultBufferedBytes  = 256 << 20
	DefaultMaxUploadBytes = 5 << 30
	DefaultKeepAlive      = 15 * time.Second
	DefaultReadTimeout    = 60 * time.Second
	DefaultWriteTimeout   = 60 * time.Second
)

// Options adjust a handler. The zero value gives the defaults.
type Options struct {
	// MaxBodyBytes bounds bodies that are read as a whole: all JSON bodies and
	// all forms. Default [DefaultMaxBodyBytes].
	MaxBodyBytes int64
	// Bodies bounds the memory of the bodies that are read as a whole, of all
	// handlers that share it. Default: one for this handler alone, of
	// [DefaultBufferedBytes] or twice MaxBodyBytes, if that is more.
	Bodies *admission.Budget
	// MaxUploadBytes bounds uploads to an endpoint's transfer operations. Those
	// over MaxBodyBytes, or of unknown length, are passed on while they arrive
	// and cannot be retried. Default [DefaultMaxUploadBytes].
	MaxUploadBytes int64
	// KeepAlive is the silence after which a begun stream sends a comment.
	// Default [DefaultKeepAlive]; negative sends none.
	KeepAlive time.Duration
	// ReadTimeout bounds the wait for the next bytes of a body. One that is read as
	// a whole must be there after two minutes and a second for each 64 KiB.
	// WriteTimeout bounds the wait for a slow caller to take bytes of the answer.
	// Defaults [DefaultReadTimeout] and [DefaultWriteTimeout]; negative is no limit.
	ReadTimeout, WriteTimeout time.Duration
	// ForwardHeaders returns which of the caller's headers some plugin wants to
	// see, as the function of that name makes them. nil forwards none.
	// Credentials, cookies and Backplane's own headers are never forwarded.
	ForwardHeaders func() []ForwardHeader
	// TenantBy says what tells callers apart who share an endpoint's queue:
	// "key", the key that they send, or "header:" and a name. Default: nothing.
	TenantBy string
	// PriorityHeader is the header in which callers name a priority. Default:
	// none, and what they say is ignored.
	PriorityHeader string
	// CallerHeaders reports whether the core reads the caller's headers, which
	// routes can depend on. Default: it does not.
	CallerHeaders func() bool
	// Metrics answers GET /metrics; without it there is no such path.
	Metrics http.Handler
	// Log takes panics of handlers. Default: nowhere.
	Log hclog.Logger
}

// NewBodies makes the budget of size bytes for bodies of up to largest bytes.
func NewBodies(size, largest int64) *admission.Budget {
	return admission.New(size, roomFor(largest+1)) // bodies are read up to a byte beyond
}

// withDefaults fills in what was not set.
func (o Options) withDefaults() Options {
	if o.MaxBodyBytes == 0 {
		o.MaxBodyBytes = DefaultMaxBodyBytes
	}
	if o.Bodies == nil {
		o.Bodies = NewBodies(max(DefaultBufferedBytes, 2*o.MaxBodyBytes), o.MaxBodyBytes)
	}
	if o.MaxUploadBytes == 0 {
		o.MaxUploadBytes = DefaultMaxUploadBytes
	}
	if o.KeepAlive == 0 {
		o.KeepAlive = DefaultKeepAlive
	}
	if o.ReadTimeout == 0 {
		o.ReadTimeout = DefaultReadTimeout
	}
	if o.WriteTimeout == 0 {
		o.WriteTimeout = DefaultWriteTimeout
	}
	if o.Log == nil {
		o.Log = hclog.NewNullLogger()
	}
	return o
}
