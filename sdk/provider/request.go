package provider

import (
	"io"
	"time"
)

// Request is one call of an operation, as the host sends it and the plugin
// receives it.
type Request struct {
	// Endpoint is the ID of the endpoint to call.
	Endpoint string
	// Revision is the endpoint's revision that the host means.
	Revision uint64
	// Operation is what to do, one of the manifest's operations.
	Operation string
	// Model is the model to use. It stands above a model named in Body, which
	// is the one that the caller wrote and can be an alias. Empty: the
	// endpoint's default.
	Model string
	// RequestID identifies the request across its attempts. It is sent on to
	// services that accept one.
	RequestID string
	// Attempt counts from 1.
	Attempt int
	// Timeout is the time given to this attempt, 0 for no limit: for calls all
	// of it, for streams up to the first chunk, for transfers up to the head of
	// the answer. On the plugin's side the context ends with it, and the SDK
	// answers with a typed timeout.
	Timeout time.Duration
	// ConnectTimeout is the time given to making a connection to the service, 0
	// if the host does not bound it. Package rest keeps to it by itself; others
	// read it here or with [ConnectTimeout].
	ConnectTimeout time.Duration
	// Credential replaces the endpoint's credential for this call if set.
	Credential Secret
	// Header holds the caller's headers that the manifest asked for
	// ([Manifest.ForwardHeaders]), names in lower case.
	Header map[string]string
	// ContentType of Body; "" means application/json.
	ContentType string
	// Body holds the operation's canonical JSON. It must not be changed.
	Body []byte
}

// TransferRequest is a call of an operation of mode "transfer". The embedded
// Request's Body holds the operation's parameters as a JSON object.
type TransferRequest struct {
	Request
	// Data is the caller's upload, nil if there is none. It must be read by one
	// goroutine and not after Transfer returned.
	Data io.Reader
	// DataType is the content type of Data, with its parameters (boundary).
	DataType string
	// DataLength is the number of bytes in Data, -1 if not known.
	DataLength int64
}

// Response answers a [Caller]'s operation.
type Response struct {
	Meta
	// ContentType of Body; "" means application/json.
	ContentType string
	// Body holds the canonical JSON answer.
	Body []byte
}

// TransferHead announces the answer to a transfer.
type TransferHead struct {
	Meta
	// ContentType of the bytes that follow; "" means application/octet-stream.
	ContentType string
	// Length is the number of bytes that follow, -1 if not known.
	Length int64
}

// Meta is what a provider reports beside the answer itself.
type Meta struct {
	// Status is the service's HTTP status, 0 if there was none.
	Status int
	// RequestID is the service's own id for the request.
	RequestID string
	// Model is the model that answered, as the service names it.
	Model string
	// FinishReason in OpenAI's words: stop, length, tool_calls, content_filter.
	FinishReason string
	// Usage is nil if the service did not report it.
	Usage *Usage
	// RateLimits are the limits that the service announced with this answer.
	RateLimits []RateLimit
	// Header holds further response headers meant for the caller, names in
	// lower case. Keep it small, and free of secrets.
	Header map[string]string
}

// Finish ends a stream or a transfer.
type Finish struct {
	// Reason in OpenAI's words, "" if there is none.
	Reason string
	// Usage is the final count, nil if the service did not report it.
	Usage *Usage
}

// Usage counts tokens. Cached, CacheWrite and Reasoning tokens are parts of
// Input and Output, not additions to them.
type Usage struct {
	Input      int64 `json:"input_tokens"`
	Output     int64 `json:"output_tokens"`
	Total      int64 `json:"total_tokens"`
	Cached     int64 `json:"cached_tokens,omitempty"`
	CacheWrite int64 `json:"cache_write_tokens,omitempty"`
	Reasoning  int64 `json:"reasoning_tokens,omitempty"`
}

// RateLimit is one limit of the service at the moment of its answer.
type RateLimit struct {
	// Meter says what is limited: requests, tokens, input_tokens, output_tokens.
	Meter string `json:"meter"`
	// Limit is the size of the allowance; Remaining what is left of it.
	Limit     int64 `json:"limit"`
	Remaining int64 `json:"remaining"`
	// Reset is the time until the allowance is full again, 0 if not known.
	Reset time.Duration `json:"reset"`
}

// TransferResponse is the host's view of a transfer's answer.
type TransferResponse struct {
	TransferHead
	// Body yields the answer's bytes. It ends with io.EOF only if the transfer
	// finished; a cut-off transfer ends with an [*Error]. Close it always: that
	// cancels a transfer which has not ended.
	Body io.ReadCloser
	// Finish is set once Body returned io.EOF.
	Finish *Finish
}

// EventStream is the host's view of a stream. It is used by one goroutine,
// except for Close.
type EventStream interface {
	// Next waits for the next event. After EventFinished it returns io.EOF; any
	// other end is an [*Error]. Chunks are valid until the following Next.
	Next() (Event, error)
	// Close ends the stream and cancels it upstream if it has not ended. It may
	// be called more than once and from any goroutine.
	Close()
}

// Health is a plugin's word about itself.
type Health struct {
	// Ready is false while the plugin cannot take calls; Message says why.
	Ready   bool
	Message string
	// InFlight counts the calls that the plugin works on now.
	InFlight int
}

// Event is one step of a stream as the host sees it. Exactly one of the fields
// is set; Heartbeat has none.
type Event struct {
	Kind   EventKind
	Meta   *Meta    // EventStarted
	Chunks [][]byte // EventData
	Usage  *Usage   // EventUsage
	Finish *Finish  // EventFinished
}

// EventKind tells the kinds of [Event] apart.
type EventKind uint8

// The kinds of event, in the order in which a stream sends them: one started,
// any number of data, usage and heartbeat, one finished.
const (
	EventStarted EventKind = iota + 1
	EventData
	EventUsage
	EventHeartbeat
	EventFinished
)
