package provider

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Error is the one error type that crosses the wire between plugin and host and
// that callers see. Programs act on Code, people read Message.
type Error struct {
	// Code is the class of the failure, from the closed set.
	Code Code
	// StatusCode is the service's HTTP status, 0 if there was none. The host
	// never derives the class from it: status codes lie.
	StatusCode int
	// Message says what failed, in lower case and without secrets.
	Message string
	// Type and UpstreamCode are the service's own words for the error
	// ("invalid_request_error", "context_length_exceeded"), "" if it has none.
	Type         string
	UpstreamCode string
	// Param names the request field at fault, if the service said so.
	Param string
	// RetryAfter is how long the service asks to wait, 0 if it did not say.
	RetryAfter time.Duration
	// Retry is the service's explicit word on retrying (x-should-retry). With
	// CodeUnreachable or CodeTimeout and no StatusCode it is the plugin's:
	// [RetryAlways] there vouches that nothing was sent, so that the host repeats
	// even an operation that is [Operation.Unsafe].
	Retry RetryHint
	// RateLimits are the limits that the service announced with the failure.
	RateLimits []RateLimit
	// Source says whose fault it is.
	Source Source
	// RequestID is the service's own id for the failed request.
	RequestID string
	// Cause is the local error behind this one. It does not cross the wire.
	Cause error
}

// Error returns the code and the message.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(string(e.Code))
	if e.StatusCode != 0 {
		fmt.Fprintf(&b, " (HTTP %d)", e.StatusCode)
	}
	if e.Message != "" {
		b.WriteString(": ")
		b.WriteString(e.Message)
	}
	return b.String()
}

// Unwrap returns the local cause.
func (e *Error) Unwrap() error { return e.Cause }

// IsRateLimit reports whether the service refused for the rate of requests.
func (e *Error) IsRateLimit() bool { return e.Code == CodeRateLimit }

// IsAuth reports whether the credential is missing, wrong or not allowed.
func (e *Error) IsAuth() bool { return e.Code == CodeAuth || e.Code == CodePermission }

// IsTransient reports whether the same request may succeed later.
func (e *Error) IsTransient() bool {
	switch e.Retry {
	case RetryAlways:
		return true
	case RetryNever:
		return false
	default:
		return e.Code.Transient()
	}
}

// IsTimeout reports whether time ran out, and not a failure of the service.
func (e *Error) IsTimeout() bool { return e.Code == CodeTimeout }

// RetryHint is a service's explicit word on retrying.
type RetryHint uint8

// The hints: nothing said, do retry, do not retry.
const (
	RetryUnspecified RetryHint = iota
	RetryAlways
	RetryNever
)

// Source says where an error arose.
type Source string

// The sources: the service behind the plugin, the plugin itself, the host, the
// caller.
const (
	SourceUpstream Source = "upstream"
	SourcePlugin   Source = "plugin"
	SourceHost     Source = "host"
	SourceCaller   Source = "caller"
)

// Errorf makes an error of the given code with a formatted message; %w keeps
// the cause. Its source is [SourcePlugin]; set the other fields as needed.
func Errorf(code Code, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Code: code, Message: err.Error(), Source: SourcePlugin, Cause: errors.Unwrap(err)}
}

// Unsupported is the error for an operation that the endpoint does not offer.
func Unsupported(operation, offered string) *Error {
	e := Errorf(CodeUnsupported, "operation %q is not supported by this endpoint", operation)
	if offered != "" {
		e.Message += "; it offers " + offered
	}
	return e
}

// AsError returns err as an [*Error], whatever it is: an *Error in its chain
// unchanged, an ended context as CodeCanceled or CodeTimeout, anything else as
// CodeInternal of the plugin. nil gives nil.
func AsError(err error) *Error {
	if err == nil {
		return nil
	}
	var e *Error
	switch {
	case errors.As(err, &e):
		return e
	case errors.Is(err, context.Canceled):
		return &Error{Code: CodeCanceled, Message: "the caller cancelled the request", Source: SourceCaller, Cause: err}
	case errors.Is(err, context.DeadlineExceeded):
		return &Error{Code: CodeTimeout, Message: "the deadline passed", Source: SourcePlugin, Cause: err}
	default:
		return &Error{Code: CodeInternal, Message: err.Error(), Source: SourcePlugin, Cause: err}
	}
}
