package wire

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pb "github.com/backplane-dev/backplane/sdk/internal/providerpb"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// Longest texts of an error, in bytes. A status travels in trailers, and some
// gRPC stacks cut or reset at 8 KiB of them: the message goes there twice, once
// percent-encoded and once in base64 with the detail. All limits together keep
// the encoded status under 4 KiB.
const (
	maxStatusMessage = 256
	maxErrorMessage  = 2048
	maxErrorField    = 192
	maxErrorLimits   = 6
	maxErrorMeter    = 32
)

// statusCodes is the gRPC code of each class of error, for tools and for peers
// that do not know the detail. The detail decides; see [FromStatus].
var statusCodes = map[provider.Code]codes.Code{
	provider.CodeInvalidRequest:    codes.InvalidArgument,
	provider.CodeNotFound:          codes.NotFound,
	provider.CodeTooLarge:          codes.InvalidArgument,
	provider.CodeContentFilter:     codes.InvalidArgument,
	provider.CodeConflict:          codes.FailedPrecondition,
	provider.CodeUnsupported:       codes.Unimplemented,
	provider.CodeAuth:              codes.Unauthenticated,
	provider.CodePermission:        codes.PermissionDenied,
	provider.CodeQuota:             codes.ResourceExhausted,
	provider.CodeCanceled:          codes.Canceled,
	provider.CodeRateLimit:         codes.ResourceExhausted,
	provider.CodeOverloaded:        codes.Unavailable,
	provider.CodeUpstream:          codes.Unavailable,
	provider.CodeUnreachable:       codes.Unavailable,
	provider.CodeTimeout:           codes.DeadlineExceeded,
	provider.CodeProtocol:          codes.DataLoss,
	provider.CodePluginUnavailable: codes.Unavailable,
	provider.CodeInternal:          codes.Internal,
	provider.CodeQueueFull:         codes.ResourceExhausted,
	provider.CodeCircuitOpen:       codes.Unavailable,
	provider.CodeShutdown:          codes.Unavailable,
}

// bareCodes is the class of a status that carries no detail of ours, so that a
// plugin written without the SDK can answer with plain statuses. The four codes
// that gRPC itself produces for transport faults are absent on purpose.
var bareCodes = map[codes.Code]provider.Code{
	codes.InvalidArgument:    provider.CodeInvalidRequest,
	codes.OutOfRange:         provider.CodeInvalidRequest,
	codes.NotFound:           provider.CodeNotFound,
	codes.AlreadyExists:      provider.CodeConflict,
	codes.FailedPrecondition: provider.CodeConflict,
	codes.Aborted:            provider.CodeConflict,
	codes.Unimplemented:      provider.CodeUnsupported,
	codes.Unauthenticated:    provider.CodeAuth,
	codes.PermissionDenied:   provider.CodePermission,
	codes.ResourceExhausted:  provider.CodeRateLimit,
	codes.DeadlineExceeded:   provider.CodeTimeout,
	codes.DataLoss:           provider.CodeProtocol,
}

// ToStatus returns e as a gRPC status error with a ProviderError detail. All
// texts are made valid UTF-8 and cut so that the status stays under 4 KiB.
// e must not be nil; a code out of the closed set becomes CodeInternal.
func ToStatus(e *provider.Error) error {
	code := e.Code
	if !code.Known() {
		code = provider.CodeInternal
	}
	grpcCode := statusCodes[code]
	if code == provider.CodeUpstream && e.StatusCode == http.StatusInternalServerError {
		grpcCode = codes.Internal
	}
	st := status.New(grpcCode, shorten(e.Message, maxStatusMessage))
	detailed, err := st.WithDetails(toProviderError(e, code))
	if err != nil { // only for an OK status or a message that cannot be encoded
		return st.Err()
	}
	return detailed.Err()
}

func toProviderError(e *provider.Error, code provider.Code) *pb.ProviderError {
	return &pb.ProviderError{
		Code:         string(code),
		StatusCode:   int32(e.StatusCode),
		Message:      shorten(e.Message, maxErrorMessage),
		Type:         shorten(e.Type, maxErrorField),
		UpstreamCode: shorten(e.UpstreamCode, maxErrorField),
		Param:        shorten(e.Param, maxErrorField),
		RetryAfter:   duration(e.RetryAfter),
		Source:       string(knownSource(e.Source)),
		RequestId:    shorten(e.RequestID, maxErrorField),
		Retry:        pb.RetryHint(min(e.Retry, provider.RetryNever)),
		IsRateLimit:  e.IsRateLimit(),
		IsAuth:       e.IsAuth(),
		IsTransient:  e.IsTransient(),
		IsTimeout:    e.IsTimeout(),
		RateLimits:   errorLimits(e.RateLimits),
	}
}

// errorLimits converts the first limits that an error carries.
func errorLimits(limits []provider.RateLimit) []*pb.RateLimit {
	out := mapSlice(limits[:min(len(limits), maxErrorLimits)], toRateLimit)
	for _, l := range out {
		l.Meter = shorten(l.Meter, maxErrorMeter)
	}
	return out
}

// FromStatus returns the error of a call as the [provider.Error] that the peer
// sent. The ProviderError detail decides if there is one, whatever the gRPC
// code is. Without it a transport fault (Unavailable, Canceled, Internal,
// Unknown, or an error that is no status) becomes CodePluginUnavailable of
// SourceHost; other statuses are mapped by their code. err stays the cause.
// nil gives nil.
func FromStatus(err error) *provider.Error {
	if err == nil {
		return nil
	}
	e, _ := decode(err)
	return e
}

// decode reports, beside the error, whether the peer said all of it itself.
func decode(err error) (e *provider.Error, typed bool) {
	if errors.As(err, &e) {
		return e, true
	}
	st, _ := status.FromError(err) // no status at all reads as Unknown
	for _, detail := range st.Details() {
		if pe, ok := detail.(*pb.ProviderError); ok {
			e = fromProviderError(pe)
			e.Cause = err
			return e, true
		}
	}
	e = fromBareStatus(st)
	e.Cause = err
	return e, false
}

func fromProviderError(pe *pb.ProviderError) *provider.Error {
	e := &provider.Error{
		Code:         provider.Code(pe.GetCode()),
		StatusCode:   int(pe.GetStatusCode()),
		Message:      pe.GetMessage(),
		Type:         pe.GetType(),
		UpstreamCode: pe.GetUpstreamCode(),
		Param:        pe.GetParam(),
		RetryAfter:   max(pe.GetRetryAfter().AsDuration(), 0),
		Source:       knownSource(provider.Source(pe.GetSource())),
		RequestID:    pe.GetRequestId(),
		RateLimits:   mapSlice(pe.GetRateLimits(), fromRateLimit),
	}
	if e.Source == provider.SourceHost { // only the host knows what is the host's
		e.Source = provider.SourcePlugin
	}
	switch pe.GetRetry() {
	case pb.RetryHint_RETRY_HINT_ALWAYS:
		e.Retry = provider.RetryAlways
	case pb.RetryHint_RETRY_HINT_NEVER:
		e.Retry = provider.RetryNever
	}
	if !e.Code.Known() {
		e.Code = provider.CodeInternal
	}
	return e
}

func fromBareStatus(st *status.Status) *provider.Error {
	if tooLarge(st) {
		return &provider.Error{Code: provider.CodeTooLarge, Source: provider.SourceHost,
			Message: "the message is over the limit of host or plugin: " + text(st.Message())}
	}
	if code, ok := bareCodes[st.Code()]; ok {
		return &provider.Error{Code: code, Message: text(st.Message()), Source: provider.SourcePlugin}
	}
	return &provider.Error{Code: provider.CodePluginUnavailable, Source: provider.SourceHost,
		Message: "no answer from the plugin: " + text(st.Message())}
}

// tooLarge tells gRPC's own refusal of a big message from a service's rate
// limit: both are ResourceExhausted, and gRPC offers nothing but the text.
func tooLarge(st *status.Status) bool {
	return st.Code() == codes.ResourceExhausted &&
		strings.HasPrefix(st.Message(), "grpc: ") && strings.Contains(st.Message(), "larger than max")
}

// FromCall is [FromStatus] for the caller's side of an RPC with context ctx:
// once ctx has ended, a status that gRPC made itself is the caller's cancel or
// deadline and no fault of the plugin.
func FromCall(ctx context.Context, err error) *provider.Error {
	if err == nil {
		return nil
	}
	e, typed := decode(err)
	if typed || e.Code != provider.CodePluginUnavailable && e.Code != provider.CodeTimeout {
		return e
	}
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return contextError(ctx, provider.CodeCanceled, provider.SourceCaller, "the caller cancelled the request", err)
	case deadlinePassed(ctx):
		return contextError(ctx, provider.CodeTimeout, provider.SourceHost, "the deadline passed before the plugin answered", err)
	default:
		return e
	}
}

// deadlinePassed looks at the clock too: on a busy machine the plugin's end of
// the deadline can be felt before the context's own timer has run.
func deadlinePassed(ctx context.Context) bool {
	if ctx.Err() != nil {
		return errors.Is(ctx.Err(), context.DeadlineExceeded)
	}
	deadline, ok := ctx.Deadline()
	return ok && !time.Now().Before(deadline)
}

// contextError describes the end of ctx. A cause that is an [*provider.Error]
// stands above the plain words: the host knows which of its limits it was.
func contextError(ctx context.Context, code provider.Code, source provider.Source, message string, err error) *provider.Error {
	var cause *provider.Error
	if errors.As(context.Cause(ctx), &cause) {
		return cause
	}
	return &provider.Error{Code: code, Source: source, Message: message, Cause: err}
}

func knownSource(s provider.Source) provider.Source {
	switch s {
	case provider.SourceUpstream, provider.SourcePlugin, provider.SourceHost, provider.SourceCaller:
		return s
	default:
		return provider.SourcePlugin
	}
}
