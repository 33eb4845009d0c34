package provider

// Code is the class of an [Error]. The set is closed: a peer that receives a
// code it does not know treats it as [CodeInternal].
type Code string

// The codes. The first group says what the caller can mend, the second what the
// service does, the third what happened between host and plugin, the last what
// the host decided.
const (
	// CodeInvalidRequest: the request is wrong and will stay wrong.
	CodeInvalidRequest Code = "invalid_request"
	// CodeNotFound: the model, file or object does not exist.
	CodeNotFound Code = "not_found"
	// CodeTooLarge: the body or the context is over a limit.
	CodeTooLarge Code = "too_large"
	// CodeContentFilter: the service refused the content.
	CodeContentFilter Code = "content_filter"
	// CodeConflict: the state of the thing does not allow the operation.
	CodeConflict Code = "conflict"
	// CodeUnsupported: the endpoint does not offer the operation.
	CodeUnsupported Code = "unsupported"
	// CodeAuth: the credential is missing or wrong.
	CodeAuth Code = "auth"
	// CodePermission: the credential is right but not allowed to do this.
	CodePermission Code = "permission"
	// CodeQuota: no money or no allowance left; waiting does not help soon.
	CodeQuota Code = "quota"
	// CodeCanceled: the caller left.
	CodeCanceled Code = "canceled"

	// CodeRateLimit: too many requests or tokens in a span of time.
	CodeRateLimit Code = "rate_limit"
	// CodeOverloaded: the service's own queue is full or it sheds load.
	CodeOverloaded Code = "overloaded"
	// CodeUpstream: the service failed (5xx).
	CodeUpstream Code = "upstream"
	// CodeUnreachable: no connection to the service (DNS, refused, TLS, reset).
	CodeUnreachable Code = "unreachable"
	// CodeTimeout: time ran out; the message says which limit.
	CodeTimeout Code = "timeout"
	// CodeProtocol: the service's answer cannot be understood or was cut off.
	CodeProtocol Code = "protocol"

	// CodePluginUnavailable: the plugin process is gone, hangs or starts.
	CodePluginUnavailable Code = "plugin_unavailable"
	// CodeInternal: a defect in plugin or host, such as a panic.
	CodeInternal Code = "internal"

	// CodeQueueFull: the endpoint's queue has no place left.
	CodeQueueFull Code = "queue_full"
	// CodeCircuitOpen: the endpoint's circuit breaker is open.
	CodeCircuitOpen Code = "circuit_open"
	// CodeShutdown: the host or the endpoint is closing.
	CodeShutdown Code = "shutdown"
)

// traits is what the host decides on. One table, so that a new code cannot be
// forgotten in one of several switches.
type traits struct {
	http      int  // status for the caller
	transient bool // the same request may succeed later
	failure   bool // counts against the service in the circuit breaker
}

var codes = map[Code]traits{
	CodeInvalidRequest: {http: 400},
	CodeNotFound:       {http: 404},
	CodeTooLarge:       {http: 413},
	CodeContentFilter:  {http: 400},
	CodeConflict:       {http: 409},
	CodeUnsupported:    {http: 501},
	CodeAuth:           {http: 401},
	CodePermission:     {http: 403},
	CodeQuota:          {http: 429},
	CodeCanceled:       {http: 499},

	CodeRateLimit:   {http: 429, transient: true},
	CodeOverloaded:  {http: 503, transient: true},
	CodeUpstream:    {http: 502, transient: true, failure: true},
	CodeUnreachable: {http: 502, transient: true, failure: true},
	CodeTimeout:     {http: 504, transient: true, failure: true},
	CodeProtocol:    {http: 502, transient: true, failure: true},

	CodePluginUnavailable: {http: 503, transient: true},
	CodeInternal:          {http: 500},

	CodeQueueFull:   {http: 429},
	CodeCircuitOpen: {http: 503},
	CodeShutdown:    {http: 503},
}

// Codes returns all codes, in no particular order.
func Codes() []Code {
	all := make([]Code, 0, len(codes))
	for c := range codes {
		all = append(all, c)
	}
	return all
}

// Known reports whether c is one of the closed set.
func (c Code) Known() bool { _, ok := codes[c]; return ok }

// Transient reports whether the same request may succeed later, so that the
// host may retry it.
func (c Code) Transient() bool { return codes[c].transient }

// Failure reports whether the code counts against the service in the circuit
// breaker. Faults of the caller, rate limits, cancels, plugin crashes and the
// host's own refusals do not.
func (c Code) Failure() bool { return codes[c].failure }

// HTTPStatus is the status with which the host answers its caller; 500 for
// codes out of the set.
func (c Code) HTTPStatus() int {
	if t, ok := codes[c]; ok {
		return t.http
	}
	return 500
}
