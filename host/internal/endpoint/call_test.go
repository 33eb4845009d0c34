package endpoint

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/provider"
)

func TestACallIsAnsweredAndReported(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		var got provider.Request
		f := &fake{}
		f.call = func(ctx context.Context, req *provider.Request) (*provider.Response, error) {
			got = *req
			time.Sleep(2 * time.Second)
			return good(), nil
		}
		e, o := build(steady(), f)
		req := chat()
		resp, report, err := e.Call(t.Context(), req, How{})
		if err != nil || string(resp.Body) != `{"ok":true}` {
			t.Fatalf("got %v, %v", resp, err)
		}
		if got.Endpoint != "e" || got.Revision != 4 || got.Attempt != 1 || got.Timeout != time.Minute || got.Model != "m" {
			t.Errorf("the backend was sent %+v", got)
		}
		if req.Endpoint != "" || req.Attempt != 0 {
			t.Errorf("the caller's request was changed: %+v", req)
		}
		want := status.Report{
			RequestID: "id-1", Endpoint: "e", Provider: "fake", Model: "m", Attempts: 1,
			ProviderTime: 2 * time.Second, Total: 2 * time.Second,
		}
		if !reflect.DeepEqual(report, want) {
			t.Errorf("report %+v, want %+v", report, want)
		}
		s := wantQuiet(t, e)
		if s.Success != 1 || s.Attempts != 1 || s.Tokens.Total != 7 || s.Latency.Max != 2 {
			t.Errorf("stats %+v", s)
		}
		if out := o.outcomes(); len(out) != 1 || !reflect.DeepEqual(out[0].Report, want) || out[0].Code != "" || out[0].Usage.Total != 7 ||
			out[0].Operation != "chat" || out[0].Mode != provider.ModeCall {
			t.Errorf("observed %+v", out)
		}
		if rec := e.Recent(status.RequestFilter{}); len(rec) != 1 || !rec[0].Success || rec[0].ID != "id-1" || rec[0].Duration != 2*time.Second || rec[0].Usage.Total != 7 {
			t.Errorf("recent %+v", rec)
		}
	})
}

func TestRequestsThatCannotSucceedAreRefusedBeforeAnyCall(t *testing.T) {
	t.Parallel()
	cfg := Config{ID: "e", Provider: "fake", Manifest: manifest(), Policy: steady(), Backend: &fake{}}
	cfg.Manifest.Credential = provider.Credential{Required: true, Env: []string{"FAKE_KEY", "OTHER_KEY"}}
	e := New(cfg)
	for _, c := range []struct {
		operation string
		code      provider.Code
		message   string
	}{
		{"rerank", provider.CodeUnsupported, `operation "rerank" is not supported by endpoint "e"; it offers chat, embeddings, files.get, files.upload`},
		{"files.get", provider.CodeUnsupported, `operation "files.get" of endpoint "e" cannot be called in mode "call"; it offers transfer`},
		{"chat", provider.CodeAuth, `endpoint "e" has no API key; set its api_key or the environment variable FAKE_KEY or OTHER_KEY, or send a key with the request (header x-backplane-api-key)`},
	} {
		_, report, err := e.Call(t.Context(), &provider.Request{Operation: c.operation, RequestID: "x"}, How{})
		got := wantCode(t, err, c.code)
		if got.Message != c.message || got.Source != provider.SourceHost {
			t.Errorf("%s: %q of %s, want %q", c.operation, got.Message, got.Source, c.message)
		}
		if report.Attempts != 0 || report.Endpoint != "e" || report.RequestID != "x" {
			t.Errorf("%s: report %+v", c.operation, report)
		}
	}
	_, _, err := e.Stream(t.Context(), &provider.Request{Operation: "embeddings"}, How{})
	if got := wantCode(t, err, provider.CodeUnsupported); got.Param != "stream" || !strings.Contains(got.Message, `"embeddings" of endpoint "e" cannot be streamed`) {
		t.Errorf("a stream: %q of %q", got.Message, got.Param)
	}
	if s := wantQuiet(t, e); s.Errors != 4 || s.ErrorsByCode[provider.CodeUnsupported] != 3 || s.Attempts != 0 {
		t.Errorf("stats %+v", s)
	}
}

func TestAKeyOfTheRequestOrOneSetLaterIsEnough(t *testing.T) {
	t.Parallel()
	cfg := Config{ID: "e", Manifest: manifest(), Policy: steady(), Backend: script(func(int) error { return nil })}
	cfg.Manifest.Credential.Required = true
	e := New(cfg)
	req := chat()
	req.Credential = provider.NewSecret("k")
	if _, _, err := e.Call(t.Context(), req, How{}); err != nil {
		t.Errorf("with a key of its own: %v", err)
	}
	e.SetHasKey(true)
	if _, _, err := e.Call(t.Context(), chat(), How{}); err != nil {
		t.Errorf("with the endpoint's key: %v", err)
	}
}

func TestAPanicInTheBackendLeaksNothing(t *testing.T) {
	t.Parallel()
	policy := steady()
	policy.Queue.MaxConcurrent = 1
	f := &fake{call: func(context.Context, *provider.Request) (*provider.Response, error) { panic("boom") }}
	e, _ := build(policy, f)
	for range 3 {
		_, _, err := e.Call(t.Context(), chat(), How{})
		got := wantCode(t, err, provider.CodeInternal)
		if got.Source != provider.SourceHost || !strings.Contains(got.Message, `provider "fake": boom`) || !strings.Contains(got.Cause.Error(), "call_test.go") {
			t.Errorf("%v caused by %v", got, got.Cause)
		}
	}
	wantQuiet(t, e)
}

func TestABackendThatAnswersNothingIsAnError(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		policy := steady()
		policy.Retry.Max = 0
		f := &fake{call: func(context.Context, *provider.Request) (*provider.Response, error) { return nil, nil }}
		e, _ := build(policy, f)
		_, _, err := e.Call(t.Context(), chat(), How{})
		wantCode(t, err, provider.CodeProtocol)
		f.call = func(context.Context, *provider.Request) (*provider.Response, error) { return nil, errors.New("plain") }
		_, _, err = e.Call(t.Context(), chat(), How{})
		wantCode(t, err, provider.CodeInternal)
		f.call = func(context.Context, *provider.Request) (*provider.Response, error) { return nil, context.Canceled }
		_, _, err = e.Call(t.Context(), chat(), How{})
		wantCode(t, err, provider.CodeInternal)
		wantQuiet(t, e)
	})
}

func TestReconfigureAppliesToLaterRequests(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		f := &fake{call: work(10 * time.Second)}
		policy := steady()
		policy.Queue.MaxConcurrent = 1
		e, _ := build(policy, f)
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				if _, _, err := e.Call(t.Context(), chat(), How{}); err != nil {
					t.Error(err)
				}
			})
		}
		time.Sleep(time.Second)
		policy.Queue.MaxConcurrent, policy.Queue.Size, policy.Timeout = 3, 0, 5*time.Second
		policy.Stats.Recent = false
		e.Reconfigure(policy, "other", 5)
		time.Sleep(time.Second)
		if s := e.Stats(); s.InFlight != 3 || s.Queued != 0 {
			t.Errorf("%d run and %d wait, want the larger queue to serve all", s.InFlight, s.Queued)
		}
		_, _, err := e.Call(t.Context(), chat(), How{})
		wantCode(t, err, provider.CodeQueueFull)
		wg.Wait() // the old timeout of 60 s still holds for them
		var revision uint64
		f.call = func(_ context.Context, req *provider.Request) (*provider.Response, error) {
			revision = req.Revision
			return good(), nil
		}
		_, report, err := e.Call(t.Context(), &provider.Request{Operation: "chat"}, How{})
		if err != nil || revision != 5 || report.Model != "other" {
			t.Errorf("revision %d, model %q, %v", revision, report.Model, err)
		}
		if s := wantQuiet(t, e); s.Success != 4 || len(e.Recent(status.RequestFilter{})) != 0 {
			t.Errorf("stats %+v were not kept", s)
		}
	})
}

func TestResetStatsStartsAnew(t *testing.T) {
	t.Parallel()
	e, _ := build(steady(), script(func(int) error { return nil }))
	if _, _, err := e.Call(t.Context(), chat(), How{}); err != nil {
		t.Fatal(err)
	}
	e.ResetStats()
	if s := e.Stats(); s.Requests != 0 || s.Tokens.Total != 0 || s.Latency.Count != 0 || len(e.Recent(status.RequestFilter{})) != 0 {
		t.Errorf("stats %+v", s)
	}
}
