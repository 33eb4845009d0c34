package wire

import (
	"context"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	pb "github.com/backplane-dev/backplane/sdk/internal/providerpb"
	"github.com/backplane-dev/backplane/sdk/provider"
)

func TestErrorsOfEveryCodeSurviveTheRoundTrip(t *testing.T) {
	t.Parallel()
	for _, code := range provider.Codes() {
		sent := &provider.Error{Code: code, StatusCode: 418, Message: "what failed", Type: "their_type",
			UpstreamCode: "their_code", Param: "messages", RetryAfter: 1500 * time.Millisecond,
			Retry: provider.RetryNever, Source: provider.SourceUpstream, RequestID: "req_1",
			RateLimits: []provider.RateLimit{{Meter: "tokens", Limit: 9000, Remaining: 0, Reset: time.Minute}}}
		err := ToStatus(sent)
		if got := status.Code(err); got == codes.OK || got == codes.Unknown {
			t.Errorf("%s travels as %v", code, got)
		}
		got := FromStatus(err)
		got.Cause = nil
		if !reflect.DeepEqual(got, sent) {
			t.Errorf("%s:\ngot  %+v\nwant %+v", code, got, sent)
		}
	}
}

func TestEveryCodeHasAStatus(t *testing.T) {
	t.Parallel()
	for _, code := range provider.Codes() {
		if _, ok := statusCodes[code]; !ok {
			t.Errorf("%s has no gRPC code", code)
		}
	}
}

func TestTheDetailDecidesNotTheStatusCode(t *testing.T) {
	t.Parallel()
	st, err := status.New(codes.Unavailable, "x").WithDetails(&pb.ProviderError{Code: "auth", Source: "upstream"})
	if err != nil {
		t.Fatal(err)
	}
	if got := FromStatus(st.Err()); got.Code != provider.CodeAuth || got.Source != provider.SourceUpstream {
		t.Errorf("got %s of %s", got.Code, got.Source)
	}
}

func TestAPluginDoesNotSpeakForTheHost(t *testing.T) {
	t.Parallel()
	// The host would take it for a lost connection and doubt the process.
	got := FromStatus(ToStatus(&provider.Error{Code: provider.CodePluginUnavailable, Source: provider.SourceHost}))
	if got.Code != provider.CodePluginUnavailable || got.Source != provider.SourcePlugin {
		t.Errorf("got %s of %s, want it of the plugin", got.Code, got.Source)
	}
}

func TestUpstreams500IsInternalToToolsAndUpstreamToUs(t *testing.T) {
	t.Parallel()
	err := ToStatus(&provider.Error{Code: provider.CodeUpstream, StatusCode: 500})
	if status.Code(err) != codes.Internal || FromStatus(err).Code != provider.CodeUpstream {
		t.Errorf("got %v, %v", status.Code(err), FromStatus(err).Code)
	}
}

func TestUnknownWordsOfAPeerAreReadCautiously(t *testing.T) {
	t.Parallel()
	st, err := status.New(codes.Unknown, "x").WithDetails(&pb.ProviderError{Code: "from_the_future", Source: "moon", Retry: 99})
	if err != nil {
		t.Fatal(err)
	}
	got := FromStatus(st.Err())
	if got.Code != provider.CodeInternal || got.Source != provider.SourcePlugin || got.Retry != provider.RetryUnspecified {
		t.Errorf("got %+v", got)
	}
	if own := FromStatus(ToStatus(&provider.Error{Code: "mine"})); own.Code != provider.CodeInternal {
		t.Errorf("a code out of the set travels as %s", own.Code)
	}
}

func TestBareStatusesAreReadByTheirCode(t *testing.T) {
	t.Parallel()
	fault := func(c provider.Code) [2]string { return [2]string{string(c), string(provider.SourcePlugin)} }
	transport := [2]string{string(provider.CodePluginUnavailable), string(provider.SourceHost)}
	for code, want := range map[codes.Code][2]string{
		codes.Unavailable:        transport,
		codes.Canceled:           transport,
		codes.Internal:           transport,
		codes.Unknown:            transport,
		codes.InvalidArgument:    fault(provider.CodeInvalidRequest),
		codes.OutOfRange:         fault(provider.CodeInvalidRequest),
		codes.NotFound:           fault(provider.CodeNotFound),
		codes.AlreadyExists:      fault(provider.CodeConflict),
		codes.FailedPrecondition: fault(provider.CodeConflict),
		codes.Aborted:            fault(provider.CodeConflict),
		codes.Unimplemented:      fault(provider.CodeUnsupported),
		codes.Unauthenticated:    fault(provider.CodeAuth),
		codes.PermissionDenied:   fault(provider.CodePermission),
		codes.ResourceExhausted:  fault(provider.CodeRateLimit),
		codes.DeadlineExceeded:   fault(provider.CodeTimeout),
		codes.DataLoss:           fault(provider.CodeProtocol),
	} {
		got := FromStatus(status.Error(code, "words"))
		if string(got.Code) != want[0] || string(got.Source) != want[1] {
			t.Errorf("%v: got %s of %s, want %v", code, got.Code, got.Source, want)
		}
		if !strings.Contains(got.Message, "words") {
			t.Errorf("%v: the message %q lost the peer's words", code, got.Message)
		}
	}
	if got := FromStatus(io.ErrUnexpectedEOF); got.Code != provider.CodePluginUnavailable {
		t.Errorf("an error that is no status: got %s", got.Code)
	}
	if FromStatus(nil) != nil {
		t.Error("nil became an error")
	}
}

func TestTheStatusStaysUnder4KiBAndValid(t *testing.T) {
	t.Parallel()
	for name, long := range map[string]string{
		"ascii":   strings.Repeat("a", 1<<20),
		"wide":    strings.Repeat("ä", 1<<20),
		"control": strings.Repeat("\x00", 1<<20),
		"invalid": strings.Repeat("€\x00\xc3", 1<<18),
	} {
		full := provider.RateLimit{Meter: long, Limit: 1 << 62, Remaining: -1, Reset: 1 << 62}
		err := ToStatus(&provider.Error{Code: provider.CodeUpstream, Message: long, Type: long, UpstreamCode: long, Param: long, RequestID: long,
			RateLimits: []provider.RateLimit{full, full, full, full, full, full, full}})
		if size := proto.Size(status.Convert(err).Proto()); size >= 4096 {
			t.Errorf("%s: the status has %d bytes", name, size)
		}
		got := FromStatus(err)
		if len(got.RateLimits) != maxErrorLimits {
			t.Errorf("%s: %d limits", name, len(got.RateLimits))
		}
		if !utf8.ValidString(got.Message) || !strings.HasSuffix(got.Message, "...") || len(got.Message) < 2000 {
			t.Errorf("%s: bad message of %d bytes", name, len(got.Message))
		}
	}
}

func TestTheEndOfTheCallersContextIsNoFaultOfThePlugin(t *testing.T) {
	t.Parallel()
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	late, cancelLate := context.WithTimeout(t.Context(), 0)
	defer cancelLate()
	limit := &provider.Error{Code: provider.CodeTimeout, Message: "the endpoint's timeout of 60s passed"}
	bound, cancelBound := context.WithTimeoutCause(t.Context(), 0, limit)
	defer cancelBound()
	gone := status.Error(codes.Unavailable, "EOF")
	typed := ToStatus(&provider.Error{Code: provider.CodeRateLimit})
	for _, test := range []struct {
		name string
		ctx  context.Context
		err  error
		code provider.Code
	}{
		{"canceled", canceled, status.Error(codes.Canceled, "context canceled"), provider.CodeCanceled},
		{"canceled while the plugin died", canceled, gone, provider.CodeCanceled},
		{"deadline", late, status.Error(codes.DeadlineExceeded, "context deadline exceeded"), provider.CodeTimeout},
		{"context error itself", late, context.DeadlineExceeded, provider.CodeTimeout},
		{"plugin's own word", canceled, typed, provider.CodeRateLimit},
		{"living context", t.Context(), gone, provider.CodePluginUnavailable},
		{"bare refusal", canceled, status.Error(codes.InvalidArgument, "no"), provider.CodeInvalidRequest},
	} {
		if got := FromCall(test.ctx, test.err); got.Code != test.code {
			t.Errorf("%s: got %s, want %s", test.name, got.Code, test.code)
		}
	}
	if got := FromCall(bound, context.DeadlineExceeded); got != limit {
		t.Errorf("the cause of the context is lost: got %v", got)
	}
	if FromCall(canceled, nil) != nil {
		t.Error("nil became an error")
	}
}

func TestGRPCsOwnSizeLimitIsNoRateLimit(t *testing.T) {
	t.Parallel()
	err := status.Error(codes.ResourceExhausted, "grpc: received message larger than max (5 vs. 4)")
	if got := FromStatus(err); got.Code != provider.CodeTooLarge {
		t.Errorf("got %s", got.Code)
	}
}

func FuzzStatusDecoding(f *testing.F) {
	seed := func(err error) []byte {
		data, marshalErr := proto.Marshal(status.Convert(err).Proto())
		if marshalErr != nil {
			f.Fatal(marshalErr)
		}
		return data
	}
	f.Add(uint32(14), "EOF", seed(ToStatus(&provider.Error{Code: provider.CodeAuth, Message: "m", RetryAfter: time.Second})))
	f.Add(uint32(99), "\xff", []byte{1, 2, 3})
	f.Fuzz(func(t *testing.T, code uint32, message string, detail []byte) {
		st := status.New(codes.Code(code), message)
		pe := &pb.ProviderError{}
		if proto.Unmarshal(detail, pe) == nil {
			if detailed, err := st.WithDetails(pe); err == nil {
				st = detailed
			}
		}
		if st.Err() == nil {
			return
		}
		e := FromStatus(st.Err())
		if !e.Code.Known() || e.RetryAfter < 0 || e.Source == "" {
			t.Fatalf("got %+v", e)
		}
		if e.Source == provider.SourceHost { // what is found out here is not sent on as such
			e.Source = provider.SourcePlugin
		}
		again := FromStatus(ToStatus(e))
		if again.Code != e.Code || again.Source != e.Source || again.RetryAfter != e.RetryAfter || again.Retry != e.Retry {
			t.Fatalf("sent on:\ngot  %+v\nwant %+v", again, e)
		}
		var back *provider.Error
		if !errors.As(error(e), &back) || !utf8.ValidString(again.Message) {
			t.Fatal("not a usable error")
		}
	})
}
