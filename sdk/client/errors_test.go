package client_test

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/backplane-dev/backplane/sdk/client"
	pb "github.com/backplane-dev/backplane/sdk/internal/providerpb"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// failing is an endpoint whose every mode fails with what fail returns.
type failing struct {
	caller
	streamer
	transferer
}

func failingWith(fail func() error) failing {
	return failing{
		func(context.Context, *provider.Request) (*provider.Response, error) { return nil, fail() },
		func(context.Context, *provider.Request, provider.Sink) (provider.Finish, error) {
			return provider.Finish{}, fail()
		},
		func(context.Context, *provider.TransferRequest, provider.TransferSink) (provider.Finish, error) {
			return provider.Finish{}, fail()
		},
	}
}

// inEveryMode calls the endpoint "e" in all modes and returns their errors.
func inEveryMode(t *testing.T, conn *client.Conn, req *provider.Request) map[string]error {
	t.Helper()
	got := map[string]error{}
	_, got["call"] = conn.Call(t.Context(), req)
	stream, err := conn.Stream(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	_, got["stream"] = stream.Next()
	_, got["transfer"] = conn.Transfer(t.Context(), &provider.TransferRequest{Request: *req})
	return got
}

func TestErrorsOfEveryCodeArriveAsTheyWereReturned(t *testing.T) {
	t.Parallel()
	var sent *provider.Error
	conn := opened(t, failingWith(func() error { return sent }))
	for _, code := range provider.Codes() {
		sent = &provider.Error{Code: code, StatusCode: 418, Message: "words", Type: "t", UpstreamCode: "c", Param: "p",
			RetryAfter: 3 * time.Second, Retry: provider.RetryAlways, Source: provider.SourceUpstream, RequestID: "id"}
		for mode, err := range inEveryMode(t, conn, chatRequest()) {
			got := wantError(t, err, code, provider.SourceUpstream)
			plain := *got
			plain.Cause = nil
			if !reflect.DeepEqual(&plain, sent) {
				t.Errorf("%s, %s:\ngot  %+v\nwant %+v", code, mode, plain, *sent)
			}
		}
	}
}

func TestAPlainErrorIsAnInternalOneOfThePlugin(t *testing.T) {
	t.Parallel()
	conn := opened(t, failingWith(func() error { return errors.New("oops") }))
	for _, err := range inEveryMode(t, conn, chatRequest()) {
		if e := wantError(t, err, provider.CodeInternal, provider.SourcePlugin); e.Message != "oops" {
			t.Errorf("got %q", e.Message)
		}
	}
}

func TestAnErrorWithoutSourceIsUpstreamsIfItHasAStatus(t *testing.T) {
	t.Parallel()
	sent := &provider.Error{Code: provider.CodeUpstream}
	conn := opened(t, caller(func(context.Context, *provider.Request) (*provider.Response, error) { return nil, sent }))
	_, err := conn.Call(t.Context(), chatRequest())
	wantError(t, err, provider.CodeUpstream, provider.SourcePlugin)
	sent.StatusCode = 503
	_, err = conn.Call(t.Context(), chatRequest())
	wantError(t, err, provider.CodeUpstream, provider.SourceUpstream)
}

func TestAPanicFailsItsOwnCallOnly(t *testing.T) {
	t.Parallel()
	panics := true
	conn := opened(t, failingWith(func() error {
		if panics {
			panic("index out of range, key sk-endpoint-key")
		}
		return errors.New("alive")
	}))
	for _, err := range inEveryMode(t, conn, chatRequest()) {
		e := wantError(t, err, provider.CodeInternal, provider.SourcePlugin)
		if !strings.Contains(e.Message, "the plugin panicked: index out of range") || strings.Contains(e.Message, "sk-endpoint-key") {
			t.Errorf("got %q", e.Message)
		}
	}
	panics = false
	_, err := conn.Call(t.Context(), chatRequest())
	if e := wantError(t, err, provider.CodeInternal, provider.SourcePlugin); e.Message != "alive" {
		t.Errorf("got %q", e.Message)
	}
	health, err := conn.Health(t.Context())
	if err != nil || health.InFlight != 0 {
		t.Errorf("got %+v, %v: the panicked calls are still counted", health, err)
	}
}

func TestPanicsOfOpenConfigureAndDescribeAreErrors(t *testing.T) {
	t.Parallel()
	conn := dial(t, &fake{open: func(provider.EndpointConfig) (provider.Endpoint, error) { panic("in Open") }})
	_, err := conn.OpenEndpoint(t.Context(), provider.EndpointConfig{ID: "e"})
	wantError(t, err, provider.CodeInternal, provider.SourcePlugin)
	conn = dial(t, describePanics{})
	_, err = conn.Describe(t.Context())
	wantError(t, err, provider.CodeInternal, provider.SourcePlugin)
	_, err = conn.Call(t.Context(), chatRequest())
	wantError(t, err, provider.CodeInternal, provider.SourcePlugin)
}

type describePanics struct{ provider.Provider }

func (describePanics) Describe() provider.Manifest { panic("in Describe") }

func TestCredentialsNeverLeaveInErrors(t *testing.T) {
	t.Parallel()
	conn := opened(t, failingWith(func() error {
		return &provider.Error{Code: provider.CodeAuth, Message: "wrong key sk-endpoint-key or sk-call-key",
			Type: "sk-call-key", RequestID: "sk-endpoint-key"}
	}))
	req := chatRequest()
	req.Credential = provider.NewSecret("sk-call-key")
	for mode, err := range inEveryMode(t, conn, req) {
		e := wantError(t, err, provider.CodeAuth, provider.SourcePlugin)
		if e.Message != "wrong key [REDACTED] or [REDACTED]" || e.Type != "[REDACTED]" || e.RequestID != "[REDACTED]" {
			t.Errorf("%s: got %+v", mode, e)
		}
		if st := status.Convert(e.Cause); strings.Contains(st.String(), "sk-") {
			t.Errorf("%s: the status says %s", mode, st)
		}
	}
}

func TestUndeclaredAndUnimplementedOperationsSayWhatIsOffered(t *testing.T) {
	t.Parallel()
	p := serving(caller(func(context.Context, *provider.Request) (*provider.Response, error) { return &provider.Response{}, nil }))
	p.manifest.Operations = []provider.Operation{
		{Name: "chat", Modes: []provider.Mode{provider.ModeCall, provider.ModeStream}},
		{Name: "models", Modes: []provider.Mode{provider.ModeCall}},
	}
	conn := dial(t, p)
	open(t, conn, provider.EndpointConfig{ID: "e"})
	want := func(err error, operation string) {
		t.Helper()
		e := wantError(t, err, provider.CodeUnsupported, provider.SourcePlugin)
		if e.Message != `operation "`+operation+`" is not supported by this endpoint; it offers chat (call), models (call)` {
			t.Errorf("got %q", e.Message)
		}
	}
	req := &provider.Request{Endpoint: "e", Operation: "embeddings"}
	_, err := conn.Call(t.Context(), req)
	want(err, "embeddings")
	req.Operation = "chat" // declared as a stream, but there is no Streamer
	stream, err := conn.Stream(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	_, err = stream.Next()
	want(err, "chat")
	_, err = conn.Transfer(t.Context(), &provider.TransferRequest{Request: *req})
	want(err, "chat")
}

func TestAnAnswerThatIsNoneIsAnError(t *testing.T) {
	t.Parallel()
	conn := opened(t, caller(func(context.Context, *provider.Request) (*provider.Response, error) { return nil, nil }))
	_, err := conn.Call(t.Context(), chatRequest())
	wantError(t, err, provider.CodeInternal, provider.SourcePlugin)
}

func TestBodiesOverTheDeclaredLimitsAreRefused(t *testing.T) {
	t.Parallel()
	p := serving(caller(func(_ context.Context, req *provider.Request) (*provider.Response, error) {
		return &provider.Response{Body: make([]byte, 4*len(req.Body))}, nil
	}))
	p.manifest.Limits = provider.Limits{MaxRequestBytes: 1000, MaxResponseBytes: 2000}
	conn := dial(t, p)
	open(t, conn, provider.EndpointConfig{ID: "e"})
	for size, ok := range map[int]bool{100: true, 600: false, 1001: false} {
		_, err := conn.Call(t.Context(), &provider.Request{Endpoint: "e", Operation: "chat", Body: make([]byte, size)})
		if ok && err != nil {
			t.Errorf("%d bytes: %v", size, err)
		}
		if !ok {
			wantError(t, err, provider.CodeTooLarge, provider.SourcePlugin)
		}
	}
	// Beyond what gRPC itself takes.
	_, err := conn.Call(t.Context(), &provider.Request{Endpoint: "e", Operation: "chat", Body: make([]byte, 34<<20)})
	wantError(t, err, provider.CodeTooLarge, provider.SourceHost)
}

// bare is a plugin that does not know our error detail.
type bare struct {
	pb.UnimplementedProviderServiceServer
	err error
}

func (b bare) Call(context.Context, *pb.CallRequest) (*pb.CallResponse, error) { return nil, b.err }

func TestAPluginWithoutOurDetailIsUnderstood(t *testing.T) {
	t.Parallel()
	for code, want := range map[codes.Code]provider.Code{
		codes.Unauthenticated: provider.CodeAuth,
		codes.NotFound:        provider.CodeNotFound,
		codes.Internal:        provider.CodePluginUnavailable,
	} {
		conn := dialService(t, func(s *grpc.Server) {
			pb.RegisterProviderServiceServer(s, bare{err: status.Error(code, "words")})
		})
		_, err := conn.Call(t.Context(), chatRequest())
		var e *provider.Error
		if !errors.As(err, &e) || e.Code != want {
			t.Errorf("%v: got %v", code, err)
		}
		err = conn.CloseEndpoint(t.Context(), "e")
		wantError(t, err, provider.CodeUnsupported, provider.SourcePlugin)
	}
}

func TestADeadPluginIsUnavailable(t *testing.T) {
	t.Parallel()
	cc := connect(t, func(*grpc.Server) {})
	_ = cc.Close()
	conn := client.New(cc)
	_, err := conn.Call(t.Context(), chatRequest())
	wantError(t, err, provider.CodePluginUnavailable, provider.SourceHost)
	_, err = conn.Stream(t.Context(), chatRequest())
	wantError(t, err, provider.CodePluginUnavailable, provider.SourceHost)
	_, err = conn.Health(t.Context())
	wantError(t, err, provider.CodePluginUnavailable, provider.SourceHost)
}
