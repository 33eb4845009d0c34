package api_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backplane-dev/backplane/host/internal/admission"
	"github.com/backplane-dev/backplane/host/internal/api"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// padded is a chat request of about n bytes.
func padded(n int, more string) string {
	return `{"model":"m",` + more + `"messages":[{"role":"user","content":"` + strings.Repeat("x", n) + `"}]}`
}

// Requests that together are larger than the memory for bodies are all answered,
// and what is reserved and what is held stay within it.
func TestACrowdOfLargeBodiesStaysWithinItsMemory(t *testing.T) {
	t.Parallel()
	const clients, size, budget = 1500, 150_000, 64 << 20
	bodies := api.NewBodies(budget, 1<<20)
	var inCore, most, reserved atomic.Int64
	core := &fakeCore{call: func(_ context.Context, req *provider.Request) (*provider.Response, error) {
		raise(&most, inCore.Add(int64(len(req.Body))))
		raise(&reserved, bodies.Status().Held)
		time.Sleep(time.Millisecond) // so that they pile up
		inCore.Add(-int64(len(req.Body)))
		return &provider.Response{Body: []byte(`{}`)}, nil
	}}
	server := serve(t, core, api.Options{Bodies: bodies, MaxBodyBytes: 1 << 20})
	client := server.Client()
	client.Transport.(*http.Transport).MaxIdleConnsPerHost = clients
	body := padded(size, "")
	var wg sync.WaitGroup
	for range clients {
		wg.Go(func() {
			if status, text := insist(t, client, server.URL, func() io.Reader { return strings.NewReader(body) }); status != http.StatusOK {
				t.Errorf("%d %s", status, text)
			}
		})
	}
	wg.Wait()
	if most.Load() > budget || reserved.Load() > budget || most.Load() < size {
		t.Errorf("%d bytes were in use and %d reserved, want at most %d", most.Load(), reserved.Load(), budget)
	}
	if s := bodies.Status(); s.Held != 0 || s.Waiting != 0 {
		t.Errorf("afterwards %+v", s)
	}
}

// insist sends a request and, like any patient client, sends it again where it is
// told to come later: how quick the machine is must not decide about a test.
func insist(t *testing.T, client *http.Client, url string, body func() io.Reader) (status int, answer string) {
	t.Helper()
	for {
		resp, err := client.Post(url+"/v1/chat/completions", "application/json", body())
		if err != nil {
			t.Error(err)
			return 0, ""
		}
		text, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil {
			t.Error(err)
		}
		if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" {
			return resp.StatusCode, string(text)
		}
	}
}

// raise sets a figure to n if that is more.
func raise(figure *atomic.Int64, n int64) {
	for {
		now := figure.Load()
		if n <= now || figure.CompareAndSwap(now, n) {
			return
		}
	}
}

// lazyBody is a request's body that tells when it is read.
type lazyBody struct {
	io.Reader
	reads atomic.Int64
}

func (b *lazyBody) Read(p []byte) (int, error) {
	b.reads.Add(1)
	return b.Reader.Read(p)
}

func (*lazyBody) Close() error { return nil }

// full makes a budget in which nothing is left until the test frees it.
func full(t *testing.T) (*admission.Budget, *admission.Share) {
	t.Helper()
	b, all := api.NewBodies(1<<20, 64<<10), new(admission.Share)
	if err := all.Reserve(t.Context(), b, 1<<20-80<<10, 0); err != nil {
		t.Fatal(err)
	}
	return b, all
}

func TestABodyIsNotReadBeforeThereIsMemory(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		bodies, all := full(t)
		core, rec := answering(`{}`)
		h := api.New(core, api.Options{Bodies: bodies, MaxBodyBytes: 64 << 10})
		body := &lazyBody{Reader: strings.NewReader(hello)}
		req := httptest.NewRequest("POST", "/v1/chat/completions", body)
		req.ContentLength = int64(len(hello))
		w := httptest.NewRecorder()
		done := make(chan struct{})
		go func() { h.ServeHTTP(w, req); close(done) }()
		time.Sleep(admission.MaxWait / 2)
		if body.reads.Load() != 0 {
			t.Error("the body was read while there was no memory for it")
		}
		all.Release()
		<-done
		if _, got := rec.request(); w.Code != http.StatusOK || got != hello {
			t.Errorf("%d %s, the core got %q", w.Code, w.Body, got)
		}
	})
}

func TestWithoutMemoryARequestIsRefusedWithTheNumbers(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		length  int64
		timeout string
		want    time.Duration
	}{{int64(len(hello)), "", admission.MaxWait}, {-1, "", admission.MaxWait}, {int64(len(hello)), "1500ms", 1500 * time.Millisecond}} {
		synctest.Test(t, func(t *testing.T) {
			bodies, all := full(t)
			defer all.Release()
			h := api.New(&fakeCore{}, api.Options{Bodies: bodies, MaxBodyBytes: 64 << 10})
			req := httptest.NewRequest("POST", "/v1/chat/completions", strings.NewReader(hello))
			req.ContentLength = tt.length
			req.Header.Set("X-Backplane-Timeout", tt.timeout)
			w, start := httptest.NewRecorder(), time.Now()
			h.ServeHTTP(w, req)
			if waited := time.Since(start); waited != tt.want {
				t.Errorf("refused after %s, want %s", waited, tt.want)
			}
			if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") != "1" ||
				!strings.Contains(w.Body.String(), `"code":"overloaded"`) || !strings.Contains(w.Body.String(), "server.max_buffered_size") {
				t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
			}
		})
	}
}

// The wait for memory is a part of the time that the caller allows.
func TestTheWaitForMemoryCountsForTheCallersTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		bodies, all := full(t)
		time.AfterFunc(3*time.Second, all.Release)
		start := time.Now()
		core := &fakeCore{call: func(ctx context.Context, _ *provider.Request) (*provider.Response, error) {
			<-ctx.Done()
			return nil, provider.AsError(ctx.Err())
		}}
		w := post(api.New(core, api.Options{Bodies: bodies, MaxBodyBytes: 64 << 10}), "/v1/chat/completions", hello, "X-Backplane-Timeout", "5s")
		if took := time.Since(start); took != 5*time.Second || w.Code != http.StatusGatewayTimeout {
			t.Errorf("%d after %s: %s", w.Code, took, w.Body)
		}
	})
}

func TestBodiesOfUnknownLengthGrowWithinTheirMemory(t *testing.T) {
	t.Parallel()
	const clients, size = 40, 200_000 // 8 MB, of which 1 MiB is there
	bodies := api.NewBodies(1<<20, 256<<10)
	var reserved atomic.Int64
	core := &fakeCore{call: func(_ context.Context, req *provider.Request) (*provider.Response, error) {
		raise(&reserved, bodies.Status().Held)
		return &provider.Response{Body: fmt.Appendf(nil, `{"n":%d}`, len(req.Body))}, nil
	}}
	server := serve(t, core, api.Options{Bodies: bodies, MaxBodyBytes: 256 << 10})
	body, want := padded(size, ""), ""
	want = fmt.Sprintf(`{"n":%d}`, len(body))
	var wg sync.WaitGroup
	for range clients {
		wg.Go(func() {
			unknown := func() io.Reader { return io.MultiReader(strings.NewReader(body)) }
			if status, text := insist(t, server.Client(), server.URL, unknown); text != want {
				t.Errorf("%d %s, want %s", status, text, want)
			}
		})
	}
	wg.Wait()
	if n := reserved.Load(); n > 1<<20 || n < size {
		t.Errorf("%d bytes were reserved at one time", n)
	}
	if s := bodies.Status(); s.Held != 0 || s.Waiting != 0 {
		t.Errorf("afterwards %+v", s)
	}
}

// When a request works with its body no more, the memory is free for others, even
// while the answer is still under way.
func TestMemoryIsGivenBackWithTheLastUseOfTheBody(t *testing.T) {
	t.Parallel()
	bodies := api.NewBodies(1<<20, 64<<10)
	held := func(when string, want bool) {
		t.Helper()
		if got := bodies.Status().Held > 0; got != want {
			t.Errorf("%s: memory held: %v, want %v", when, got, want)
		}
	}
	core, _ := answering(`{}`)
	core.call = func(context.Context, *provider.Request) (*provider.Response, error) {
		held("while a call runs", true)
		return nil, errors.New("it failed")
	}
	core.stream = func(context.Context, *provider.Request) (provider.EventStream, error) {
		held("before the first chunk", true)
		return &watched{fakeStream: newFakeStream(chunks(`{}`), finished()), next: func() { held("while a stream runs", false) }}, nil
	}
	core.transfer = func(_ context.Context, req *provider.TransferRequest) (*provider.TransferResponse, error) {
		held("before the answer of a transfer", true)
		buffered := req.Data != nil
		return &provider.TransferResponse{TransferHead: provider.TransferHead{Length: -1}, Body: io.NopCloser(readerFunc(func([]byte) (int, error) {
			held(fmt.Sprintf("while an answer is read, upload in memory: %v", buffered), buffered)
			return 0, io.EOF
		}))}, nil
	}
	core.operations = []provider.Operation{{Name: "put", Modes: []provider.Mode{provider.ModeTransfer}}}
	h := api.New(core, api.Options{Bodies: bodies, MaxBodyBytes: 64 << 10})
	for _, request := range [][3]string{
		{"/v1/chat/completions", hello, "application/json"},
		{"/v1/chat/completions", helloStream, "application/json"},
		{"/v1/audio/speech", `{"model":"m","input":"x"}`, "application/json"},
		{"/v1/endpoints/fast/put", "bytes", "text/plain"},
		{"/v1/chat/completions", `{"model":`, "application/json"},
		{"/v1/chat/completions", strings.Repeat("x", 100<<10), "application/json"},
	} {
		post(h, request[0], request[1], "Content-Type", request[2])
		held("after "+request[0], false)
	}
}

type watched struct {
	*fakeStream
	next func()
}

func (w *watched) Next() (provider.Event, error) {
	w.next()
	return w.fakeStream.Next()
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestMemoryIsUsedAgainForBodiesOfItsSize(t *testing.T) {
	t.Parallel()
	core, rec := answering(`{}`)
	h := api.New(core, api.Options{MaxBodyBytes: 1 << 20})
	for n := 1; n < 600_000; n += n/7 + 1 {
		body := padded(n, "")
		if w := post(h, "/v1/chat/completions", body); w.Code != http.StatusOK {
			t.Fatalf("%d bytes: %d %s", n, w.Code, w.Body)
		}
		if _, got := rec.request(); got != body {
			t.Fatalf("%d bytes: the core got %d others", len(body), len(got))
		}
		req := httptest.NewRequest("POST", "/v1/chat/completions", bytes.NewReader([]byte(body)))
		req.ContentLength = -1
		h.ServeHTTP(httptest.NewRecorder(), req)
		if _, got := rec.request(); got != body {
			t.Fatalf("%d bytes of unknown length: the core got %d others", len(body), len(got))
		}
	}
}

// dripping is a body of which a byte comes every 50 s, and the writer beside it,
// which knows its deadline.
type dripping struct {
	httptest.ResponseRecorder
	deadline time.Time
}

func (d *dripping) SetReadDeadline(t time.Time) error { d.deadline = t; return nil }

func (d *dripping) Read(p []byte) (int, error) {
	time.Sleep(min(50*time.Second, time.Until(d.deadline)))
	if !time.Now().Before(d.deadline) {
		return 0, os.ErrDeadlineExceeded
	}
	p[0] = ' '
	return 1, nil
}

// Who sends a byte now and then must not hold memory for ever.
func TestABodyThatComesTooSlowlyIsGivenUp(t *testing.T) {
	t.Parallel()
	for _, length := range []int64{128 << 10, -1} {
		synctest.Test(t, func(t *testing.T) {
			bodies := api.NewBodies(1<<20, 128<<10)
			h := api.New(&fakeCore{}, api.Options{Bodies: bodies, MaxBodyBytes: 128 << 10})
			w := &dripping{ResponseRecorder: *httptest.NewRecorder()}
			req := httptest.NewRequest("POST", "/v1/chat/completions", w)
			req.ContentLength = length
			start := time.Now()
			h.ServeHTTP(w, req)
			if took, want := time.Since(start), 2*time.Minute+2*time.Second; took != want {
				t.Errorf("given up after %s, want %s", took, want)
			}
			if w.Code != http.StatusRequestTimeout || !strings.Contains(w.Body.String(), "only 2 bytes of the body arrived in 2m2s; at least 65536 bytes a second") {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			if s := bodies.Status(); s.Held != 0 {
				t.Errorf("afterwards %+v", s)
			}
		})
	}
}
