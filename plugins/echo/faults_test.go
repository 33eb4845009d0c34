package main

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// open makes an endpoint without a connection, for tests with a clock of their own.
func open(t *testing.T, given string) *endpoint {
	t.Helper()
	filled, diags := settings.Check(json.RawMessage(given))
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	ep, err := New().Open(t.Context(), provider.EndpointConfig{Settings: provider.NewSettings(filled)})
	if err != nil {
		t.Fatal(err)
	}
	return ep.(*endpoint)
}

func say(ctx context.Context, e *endpoint, text string) error {
	_, err := e.Chat(ctx, &provider.ChatRequest{
		Messages: []provider.Message{{Role: "user", Content: provider.TextContent(text)}},
		Call:     &provider.Request{},
	})
	return err
}

// codes makes n calls and returns how they ended.
func codes(t *testing.T, e *endpoint, n int) []provider.Code {
	t.Helper()
	got := make([]provider.Code, n)
	for i := range got {
		if err := say(t.Context(), e, "hello"); err != nil {
			got[i] = provider.AsError(err).Code
		}
	}
	return got
}

func TestAnswersTakeTheConfiguredTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := open(t, `{"latency":"2s","words_per_second":4}`)
		begin := time.Now()
		if err := say(t.Context(), e, "one two three four five six"); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begin); took != 3500*time.Millisecond {
			t.Errorf("took %v, want 2s and six words at four a second", took)
		}
	})
}

func TestWaitingEndsWithTheContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := open(t, `{"latency":"1h"}`)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begin := time.Now()
		err := say(ctx, e, "hello")
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != time.Second {
			t.Errorf("error is %v after %v, want the deadline after 1s", err, time.Since(begin))
		}
	})
}

func TestFaultsHappenAtTheirRateAndRepeatWithTheirSeed(t *testing.T) {
	t.Parallel()
	const given = `{"seed":1,"error_rate":0.3,"rate_limit_rate":0.2}`
	got := codes(t, open(t, given), 1000)
	if again := codes(t, open(t, given), 1000); !slices.Equal(got, again) {
		t.Error("the same seed gave other faults")
	}
	if other := codes(t, open(t, `{"seed":2,"error_rate":0.3,"rate_limit_rate":0.2}`), 1000); slices.Equal(got, other) {
		t.Error("another seed gave the same faults")
	}
	count := map[provider.Code]int{}
	for _, c := range got {
		count[c]++
	}
	// The rate limit comes first, so that errors are 0.3 of the remaining 0.8.
	if n := count[provider.CodeRateLimit]; n < 150 || n > 250 {
		t.Errorf("%d of 1000 were rate limited, want about 200", n)
	}
	if n := count[provider.CodeUpstream]; n < 180 || n > 300 {
		t.Errorf("%d of 1000 failed, want about 240", n)
	}
}

func TestWithoutRatesNothingFails(t *testing.T) {
	t.Parallel()
	for i, code := range codes(t, open(t, `{}`), 100) {
		if code != "" {
			t.Fatalf("call %d failed with %q", i, code)
		}
	}
}

func TestRateLimitsSayHowLongToWait(t *testing.T) {
	t.Parallel()
	err := provider.AsError(say(t.Context(), open(t, `{"rate_limit_rate":1,"retry_after":"1500ms"}`), "hello"))
	if err == nil || !err.IsRateLimit() || err.RetryAfter != 1500*time.Millisecond || err.Source != provider.SourceUpstream {
		t.Errorf("error is %+v, want a rate limit with 1.5s", err)
	}
}

func TestStreamsFailAfterTheConfiguredWords(t *testing.T) {
	t.Parallel()
	conn := dial(t, `{"fail_after_words":2}`)
	for operation, body := range map[string]string{
		provider.OpChat:        `{"messages":[{"role":"user","content":"one two three"}]}`,
		provider.OpCompletions: `{"prompt":"one two three"}`,
	} {
		chunks, _, err := stream(t, conn, request(operation, body))
		if code := provider.AsError(err); code == nil || code.Code != provider.CodeUpstream {
			t.Errorf("%s: error is %v, want upstream", operation, err)
		}
		words := 0
		for _, c := range chunks {
			if s := string(c); slices.ContainsFunc([]string{`"one"`, `" two"`, `" three"`}, func(w string) bool {
				return strings.Contains(s, w)
			}) {
				words++
			}
		}
		if words != 2 {
			t.Errorf("%s: %d words arrived, want 2", operation, words)
		}
	}
}

func TestOnlyTheConfiguredTextCrashes(t *testing.T) {
	t.Parallel()
	e := open(t, `{"crash_on":"die now"}`)
	crashes := 0
	e.faults.crash = func(string) { crashes++ }
	for _, prompt := range []string{"hello", "now die", "please die now, all of you"} {
		if err := say(t.Context(), e, prompt); err != nil {
			t.Fatal(err)
		}
	}
	if crashes != 1 {
		t.Errorf("%d crashes, want 1", crashes)
	}
	e = open(t, `{}`)
	e.faults.crash = func(string) { t.Error("crashed without the setting") }
	if err := say(t.Context(), e, ""); err != nil {
		t.Fatal(err)
	}
}

func TestOnlyTheConfiguredTextFloods(t *testing.T) {
	t.Parallel()
	e := open(t, `{"flood_on":"talk much"}`)
	lines := 0
	e.faults.flood = func(n int) { lines += n }
	for _, prompt := range []string{"hello", "much talk", "please talk much, all of you"} {
		if err := say(t.Context(), e, prompt); err != nil {
			t.Fatal(err)
		}
	}
	if lines != floodLines {
		t.Errorf("%d lines, want %d", lines, floodLines)
	}
}
