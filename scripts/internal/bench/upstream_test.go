package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// directTarget is the fake upstream, served by this process.
func directTarget(t *testing.T) *target {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(fakeUpstream))
	t.Cleanup(s.Close)
	addr := strings.TrimPrefix(s.URL, "http://")
	return &target{name: direct, addr: addr, upstream: addr}
}

// ask sends one request and returns what came of it.
func ask(t *testing.T, target *target, model string, stream bool) (body string, s sample) {
	t.Helper()
	c, err := dial(target.addr, 16<<10)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.conn.Close() }()
	var text strings.Builder
	first, err := c.do(requestBytes(target.addr, model, stream, 1<<10, ""), func(part []byte) {
		text.Write(part)
		s.see(part)
	})
	if err != nil {
		t.Fatal(err)
	}
	if first.IsZero() {
		t.Error("nobody noted when the first byte came")
	}
	return text.String(), s
}

func TestModelsOfTheUpstream(t *testing.T) {
	t.Parallel()
	target := directTarget(t)
	if body, s := ask(t, target, "mock", false); body != completion || s.chunks != 0 {
		t.Errorf("a request was answered with %q and %d chunks", body, s.chunks)
	}
	for model, want := range map[string]struct{ chunks, stamped int64 }{
		"mock": {chunksPerStream + 1, 0}, "mock-one": {1, 0}, "mock-paced": {chunksPerPacedStream + 1, chunksPerPacedStream},
	} {
		body, s := ask(t, target, model, true)
		if s.chunks != want.chunks || int64(len(s.delays)) != want.stamped || !strings.HasSuffix(body, done) {
			t.Errorf("%s: %d chunks, %d that say when they were written, end %q; want %+v and [DONE]",
				model, s.chunks, len(s.delays), body[max(0, len(body)-20):], want)
		}
		for _, d := range s.delays {
			if d < 0 || d > time.Minute {
				t.Errorf("%s: a chunk took %v", model, d)
			}
		}
	}
}

func TestRequestsHaveTheSizeAskedFor(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1 << 10, 200 << 10} {
		_, body, _ := strings.Cut(string(requestBytes("host", "mock", true, size, "me")), "\r\n\r\n")
		if len(body) > size || len(body) < size-32 {
			t.Errorf("a body of %d bytes has %d", size, len(body))
		}
	}
}

func TestDisconnectsAreSeen(t *testing.T) {
	t.Parallel()
	target := directTarget(t)
	c := benchCase{size: 1 << 10, connections: 4, count: 12}
	f, err := c.disconnect(t.Context(), nil, target)
	if err != nil {
		t.Fatal(err)
	}
	for _, of := range []figure{closedP50, closedP99, closedEarly, closedMid} {
		if f[of] <= 0 {
			t.Errorf("%s = %v, want a time", of, f[of])
		}
	}
}

func TestALoadOfACountIsOfThatCount(t *testing.T) {
	t.Parallel()
	var served http.Handler = http.HandlerFunc(fakeUpstream)
	counts := make(chan struct{}, 100)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		counts <- struct{}{}
		served.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	addr := strings.TrimPrefix(s.URL, "http://")
	l := &load{addr: addr, connections: 5, request: requestBytes(addr, "mock", false, 1<<10, "")}
	if err := l.runCount(t.Context(), 37); err != nil {
		t.Fatal(err)
	}
	if len(counts) != 37 {
		t.Errorf("%d requests came, want 37", len(counts))
	}
}

func TestStreamsAreHeldUntilTheyAreLetGo(t *testing.T) {
	t.Parallel()
	target := directTarget(t)
	letGo, err := hold(t.Context(), target.addr, requestBytes(target.addr, "mock-hold", true, 1<<10, "held"), 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := happened(http.DefaultClient, target.upstream, arrived, "held"); err != nil {
		t.Error(err)
	}
	letGo()
	if _, err := happened(http.DefaultClient, target.upstream, left, "held"); err != nil {
		t.Error(err)
	}
}
