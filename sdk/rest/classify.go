package rest

import (
	"fmt"
	"net/http"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// statusCodes are the classes of the statuses that are not as their hundred is.
var statusCodes = map[int]provider.Code{
	http.StatusUnauthorized:                  provider.CodeAuth,
	http.StatusPaymentRequired:               provider.CodeQuota,
	http.StatusForbidden:                     provider.CodePermission,
	http.StatusNotFound:                      provider.CodeNotFound,
	http.StatusRequestTimeout:                provider.CodeTimeout,
	http.StatusConflict:                      provider.CodeConflict,
	http.StatusGone:                          provider.CodeNotFound,
	http.StatusPreconditionFailed:            provider.CodeConflict,
	http.StatusRequestEntityTooLarge:         provider.CodeTooLarge,
	http.StatusRequestURITooLong:             provider.CodeTooLarge,
	http.StatusFailedDependency:              provider.CodeUpstream, // inference servers say it of themselves
	http.StatusTooEarly:                      provider.CodeOverloaded,
	http.StatusTooManyRequests:               provider.CodeRateLimit,
	http.StatusRequestHeaderFieldsTooLarge:   provider.CodeTooLarge,
	http.StatusUnavailableForLegalReasons:    provider.CodePermission,
	http.StatusNotImplemented:                provider.CodeUnsupported,
	http.StatusNetworkAuthenticationRequired: provider.CodeUnreachable,
}

// CodeOf returns the class of an HTTP status of 300 and more, for services of
// which nothing better is known. 4xx is the caller's fault and 5xx the
// service's, but for those that have a code of their own.
//
// 503 and 529 count as CodeUpstream, not CodeOverloaded: a load balancer without
// a living server says 503 too, and the circuit breaker must see that. A
// provider that can tell its service's overload by the body says so itself.
// Redirects that were not followed are CodeProtocol.
func CodeOf(status int) provider.Code {
	if code, ok := statusCodes[status]; ok {
		return code
	}
	switch {
	case status >= 500:
		return provider.CodeUpstream
	case status >= 400:
		return provider.CodeInvalidRequest
	default:
		return provider.CodeProtocol
	}
}

// ErrorFromAnswer makes the error of an answer whose status is not a success.
// The secrets, and what looks like a credential, are removed from its texts.
func ErrorFromAnswer(status int, h http.Header, body []byte, secrets ...provider.Secret) *provider.Error {
	e := fromBody(ParseError(body), secrets)
	e.Code = CodeOf(status)
	e.StatusCode = status
	if e.Message == "" {
		e.Message = fmt.Sprintf("the service answered %d %s", status, http.StatusText(status))
	}
	fromHeader(e, h)
	return e
}

// ErrorFromBody makes the error that a service reported inside an answer of
// status 200, such as an error event in a stream. A status in the body gives
// the class; without one it is CodeUpstream. The secrets, and what looks like a
// credential, are removed from its texts.
func ErrorFromBody(body []byte, secrets ...provider.Secret) *provider.Error {
	parsed := ParseError(body)
	e := fromBody(parsed, secrets)
	e.Code = provider.CodeUpstream
	if parsed.Status != 0 {
		e.Code = CodeOf(parsed.Status)
	}
	if e.Message == "" {
		e.Message = "the service reported an error without a message"
	}
	return e
}

func fromBody(b ErrorBody, secrets []provider.Secret) *provider.Error {
	const maxWord = 128
	return &provider.Error{
		Message:      clean(Redact(b.Message, secrets...), maxText),
		Type:         clean(Redact(b.Type, secrets...), maxWord),
		UpstreamCode: clean(Redact(b.Code, secrets...), maxWord),
		Param:        clean(Redact(b.Param, secrets...), maxWord),
		Source:       provider.SourceUpstream,
	}
}

func fromHeader(e *provider.Error, h http.Header) {
	now := time.Now()
	e.RetryAfter = RetryAfter(h, now)
	e.RateLimits = RateLimits(h, now)
	e.Retry = RetryHint(h)
	e.RequestID = clean(RequestID(h), 256)
}
