package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/backplane-dev/backplane/host/internal/peek"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// problem is an error as the caller sees it: OpenAI's error object and the
// headers that go with it.
type problem struct {
	status int
	// kind is OpenAI's "type", code its "code"; param is "" where no field of
	// the request is at fault.
	kind, code, param, message string
	// retryAfter is how long to wait, 0 if it makes no difference.
	retryAfter time.Duration
	// shouldRetry answers for OpenAI's clients, which by themselves repeat every
	// 409, 429 and 5xx; "" leaves it to them.
	shouldRetry string
	// upstreamID is the service's own id for the failed request.
	upstreamID string
}

// Error returns the message.
func (p *problem) Error() string { return p.message }

// OpenAI's words for the type of an error.
const (
	kindInvalid    = "invalid_request_error"
	kindAuth       = "authentication_error"
	kindPermission = "permission_error"
	kindRateLimit  = "rate_limit_error"
	kindQuota      = "insufficient_quota"
	kindServer     = "server_error"
)

// invalid is a problem with the request: status 400, and the field at fault.
func invalid(param, message string) *problem {
	return &problem{status: http.StatusBadRequest, kind: kindInvalid, code: string(provider.CodeInvalidRequest), param: param, message: message}
}

// asProblem converts any error.
func asProblem(err error) *problem {
	var p *problem
	var syntax *peek.SyntaxError
	var mistyped *peek.TypeError
	switch {
	case errors.As(err, &p):
		return p
	case errors.As(err, &syntax):
		return invalid("", "the body is not valid JSON: "+syntax.Error())
	case errors.As(err, &mistyped):
		return invalid(mistyped.Field, mistyped.Error())
	default:
		return fromProvider(provider.AsError(err))
	}
}

func fromProvider(e *provider.Error) *problem {
	p := &problem{
		status:      statusOf(e),
		kind:        kindOf(e.Code),
		code:        e.UpstreamCode,
		param:       e.Param,
		message:     e.Message,
		retryAfter:  e.RetryAfter,
		shouldRetry: shouldRetry(e),
		upstreamID:  e.RequestID,
	}
	if p.code == "" {
		p.code = string(e.Code)
	}
	if p.message == "" {
		p.message = "the request failed: " + string(e.Code)
	}
	return p
}

// statusOf is the status for the caller. Where the service blamed the request
// with a status of its own, that is kept: clients tell a context that is too long
// by the 400 that they know from the service. All other statuses are the host's,
// since services do not agree on them.
func statusOf(e *provider.Error) int {
	ours := e.Code.HTTPStatus()
	if e.Source != provider.SourceUpstream || kindOf(e.Code) != kindInvalid || ours == http.StatusNotImplemented {
		return ours
	}
	switch e.StatusCode {
	case http.StatusBadRequest, http.StatusNotFound, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		return e.StatusCode
	default:
		return ours
	}
}

// kindOf translates a code to OpenAI's type.
func kindOf(code provider.Code) string {
	switch code {
	case provider.CodeAuth:
		return kindAuth
	case provider.CodePermission:
		return kindPermission
	case provider.CodeQuota:
		return kindQuota
	}
	switch code.HTTPStatus() {
	case http.StatusBadRequest, http.StatusNotFound, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusNotImplemented:
		return kindInvalid
	case http.StatusTooManyRequests:
		return kindRateLimit
	default:
		return kindServer
	}
}

// shouldRetry says what OpenAI's clients cannot see from the status: that the
// service asked for or against a retry, or that none can help.
func shouldRetry(e *provider.Error) string {
	switch {
	case e.Retry == provider.RetryAlways:
		return "true"
	case e.Retry == provider.RetryNever,
		e.Code == provider.CodeQuota, e.Code == provider.CodeConflict, e.Code == provider.CodeUnsupported:
		return "false"
	default:
		return ""
	}
}

// object returns the problem as OpenAI's error object, with all four keys.
func (p *problem) object() errorObject {
	o := errorObject{Message: p.message, Type: p.kind}
	if p.param != "" {
		o.Param = &p.param
	}
	if p.code != "" {
		o.Code = &p.code
	}
	return o
}

// errorObject is OpenAI's error object. Param and Code are null where unknown;
// OpenAI's description requires them to be there.
type errorObject struct {
	Message string  `json:"message"`
	Type    string  `json:"type"`
	Param   *string `json:"param"`
	Code    *string `json:"code"`
}

// body returns the problem as the body of an answer.
func (p *problem) body() []byte {
	return encode(struct {
		Error errorObject `json:"error"`
	}{p.object()})
}

// fail answers with err, whatever it is. Call it only before the answer began.
func (x *exchange) fail(err error) {
	p := asProblem(err)
	if x.object {
		x.objectStatus(p, provider.AsError(err))
		if p.status == http.StatusNotModified {
			x.notModified()
			return
		}
	}
	h := x.w.Header()
	if p.retryAfter > 0 {
		// Whole seconds rounded up, so that nobody comes too early, and for
		// clients that know it the exact time.
		seconds := (p.retryAfter + time.Second - 1) / time.Second
		h.Set("Retry-After", strconv.FormatInt(int64(seconds), 10))
		h.Set("Retry-After-Ms", strconv.FormatInt(max(1, p.retryAfter.Milliseconds()), 10))
	}
	if p.shouldRetry != "" {
		h.Set("X-Should-Retry", p.shouldRetry)
	}
	if p.upstreamID != "" {
		h.Set("X-Backplane-Upstream-Request-Id", p.upstreamID)
	}
	x.write(p.status, "application/json", p.body())
}

// encode marshals what this package makes itself, without escaping HTML. Such
// values always can be marshalled.
func encode(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic("api: " + err.Error())
	}
	return bytes.TrimRight(b.Bytes(), "\n")
}
