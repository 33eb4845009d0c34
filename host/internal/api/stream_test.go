package api_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backplane-dev/backplane/host/internal/api"
	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// writes counts the writes and flushes that reach a caller.
type writes struct {
	*httptest.ResponseRecorder
	pieces  []string
	flushes int
}

func (w *writes) Write(p []byte) (int, error) {
	w.pieces = append(w.pieces, string(p))
	return w.ResponseRecorder.Write(p)
}

func (w *writes) Flush() {
	w.flushes++
	w.ResponseRecorder.Flush()
}

func streamTo(w http.ResponseWriter, path, body string, events ...provider.Event) {
	core, _ := answering("", events...)
	api.New(core, api.Options{}).ServeHTTP(w, httptest.NewRequest("POST", path, strings.NewReader(body)))
}

func TestAStreamIsWrittenAsServerSentEvents(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, path string
		events     []provider.Event
		want       string
	}{
		{"chat", "/v1/chat/completions", []provider.Event{started(), chunks(`{"a":1}`), chunks(`{"b":2}`), finished()},
			"data: {\"a\":1}\n\ndata: {\"b\":2}\n\ndata: [DONE]\n\n"},
		{"completions", "/v1/completions", []provider.Event{chunks(`{"a":1}`), finished()}, "data: {\"a\":1}\n\ndata: [DONE]\n\n"},
		{"no started event", "/v1/chat/completions", []provider.Event{chunks(`{"a":1}`), finished()}, "data: {\"a\":1}\n\ndata: [DONE]\n\n"},
		{"no chunk", "/v1/chat/completions", []provider.Event{started(), finished()}, "data: [DONE]\n\n"},
		{"heartbeats and usage say nothing", "/v1/chat/completions",
			[]provider.Event{started(), {Kind: provider.EventHeartbeat}, {Kind: provider.EventUsage, Usage: &provider.Usage{}}, chunks(`{}`), {Kind: provider.EventHeartbeat}, finished()},
			"data: {}\n\ndata: [DONE]\n\n"},
		{"empty chunks are left out", "/v1/chat/completions", []provider.Event{chunks(``, ` `, `{"a":1}`), chunks("\n"), finished()},
			"data: {\"a\":1}\n\ndata: [DONE]\n\n"},
		{"a plugin's own end mark is left out", "/v1/chat/completions", []provider.Event{chunks(`{}`, `[DONE]`), finished()},
			"data: {}\n\ndata: [DONE]\n\n"},
		{"a chunk of several lines", "/v1/chat/completions", []provider.Event{chunks("{\n \"a\":\r\n1,\r\"b\":2}"), finished()},
			"data: {\ndata:  \"a\":\ndata: 1,\ndata: \"b\":2}\n\ndata: [DONE]\n\n"},
		{"responses", "/v1/responses", []provider.Event{chunks(`{"type":"response.created","sequence_number":0}`, `{"x":{"type":"no"},"type":"response.completed"}`), finished()},
			"event: response.created\ndata: {\"type\":\"response.created\",\"sequence_number\":0}\n\n" +
				"event: response.completed\ndata: {\"x\":{\"type\":\"no\"},\"type\":\"response.completed\"}\n\n"},
		{"responses without a type", "/v1/responses", []provider.Event{chunks(`{"a":1}`), finished()}, "data: {\"a\":1}\n\n"},
		{"a type that would break the framing", "/v1/responses", []provider.Event{chunks(`{"type":"a\ndata: evil"}`), finished()},
			"data: {\"type\":\"a\\ndata: evil\"}\n\n"},
		{"images", "/v1/images/generations", []provider.Event{chunks(`{"type":"image_generation.completed"}`), finished()},
			"event: image_generation.completed\ndata: {\"type\":\"image_generation.completed\"}\n\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := httptest.NewRecorder()
			streamTo(w, tt.path, helloStream, tt.events...)
			if w.Code != 200 || w.Body.String() != tt.want {
				t.Errorf("got  %d %q\nwant 200 %q", w.Code, w.Body, tt.want)
			}
			for name, want := range map[string]string{
				"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-cache", "X-Accel-Buffering": "no", "Content-Length": "",
			} {
				if got := w.Header().Get(name); got != want {
					t.Errorf("%s: got %q, want %q", name, got, want)
				}
			}
		})
	}
}

func TestChunksOfOneEventTravelInOneWriteAndOneFlush(t *testing.T) {
	t.Parallel()
	w := &writes{ResponseRecorder: httptest.NewRecorder()}
	streamTo(w, "/v1/chat/completions", helloStream, started(), chunks(`{"a":1}`), chunks(`{"b":2}`, `{"c":3}`, `{"d":4}`), finished())
	want := []string{"data: {\"a\":1}\n\n", "data: {\"b\":2}\n\ndata: {\"c\":3}\n\ndata: {\"d\":4}\n\n", "data: [DONE]\n\n"}
	// The last one goes out with the end of the answer.
	if strings.Join(w.pieces, "|") != strings.Join(want, "|") || w.flushes != 2 {
		t.Errorf("got %d flushes of %q, want 2 of %q", w.flushes, w.pieces, want)
	}
}

func TestAStreamTellsWhoAnswersWhenItBegins(t *testing.T) {
	t.Parallel()
	core, _ := answering("", started(), chunks(`{}`), finished())
	core.report = status.Report{Endpoint: "fast", Attempts: 1, Total: time.Millisecond, ProviderTime: time.Millisecond}
	w := post(api.New(core, api.Options{}), "/v1/chat/completions", helloStream, "X-Request-Id", "mine")
	for name, want := range map[string]string{
		"X-Request-Id": "mine", "X-Backplane-Endpoint": "fast", "X-Backplane-Attempts": "1", "Server-Timing": "queue;dur=0, host;dur=0, provider;dur=1",
		"X-Backplane-Upstream-Request-Id": "up_1", "Openai-Version": "2020",
	} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

// TestAFailureWithinAStreamIsAnEvent also covers the ends that are no end: a
// stream that stops without "finished" must not look complete.
func TestAFailureWithinAStreamIsAnEvent(t *testing.T) {
	t.Parallel()
	overloaded := &provider.Error{Code: provider.CodeOverloaded, Message: "overloaded", UpstreamCode: "overloaded_error"}
	tests := []struct {
		name, path string
		err        error
		want       string
	}{
		{"chat", "/v1/chat/completions", overloaded,
			"data: {\"n\":0}\n\ndata: {\"error\":{\"message\":\"overloaded\",\"type\":\"server_error\",\"param\":null,\"code\":\"overloaded_error\"}}\n\n"},
		{"broken off", "/v1/chat/completions", io.EOF,
			"data: {\"n\":0}\n\ndata: {\"error\":{\"message\":\"the stream broke off before its end\",\"type\":\"server_error\",\"param\":null,\"code\":\"protocol\"}}\n\n"},
		{"responses", "/v1/responses", overloaded,
			"data: {\"n\":0}\n\nevent: error\ndata: {\"type\":\"error\",\"code\":\"overloaded_error\",\"message\":\"overloaded\",\"param\":null,\"sequence_number\":1," +
				"\"error\":{\"message\":\"overloaded\",\"type\":\"server_error\",\"param\":null,\"code\":\"overloaded_error\"}}\n\n"},
		{"images", "/v1/images/generations", overloaded,
			"data: {\"n\":0}\n\nevent: error\ndata: {\"error\":{\"message\":\"overloaded\",\"type\":\"server_error\",\"param\":null,\"code\":\"overloaded_error\"}}\n\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			core, _ := answering("")
			core.stream = func(context.Context, *provider.Request) (provider.EventStream, error) {
				return newFakeStream(started(), chunks(`{"n":0}`)).failing(tt.err), nil
			}
			w := post(api.New(core, api.Options{}), tt.path, helloStream)
			if w.Code != 200 || w.Body.String() != tt.want {
				t.Errorf("got  %d %q\nwant 200 %q", w.Code, w.Body, tt.want)
			}
		})
	}
}

func TestAFailureBeforeTheFirstChunkHasAStatus(t *testing.T) {
	t.Parallel()
	core, _ := answering("")
	core.stream = func(context.Context, *provider.Request) (provider.EventStream, error) {
		return newFakeStream(started()).failing(&provider.Error{Code: provider.CodeRateLimit, Message: "m", RetryAfter: time.Second}), nil
	}
	w := post(api.New(core, api.Options{}), "/v1/chat/completions", helloStream)
	if w.Code != 429 || w.Header().Get("Retry-After") != "1" || w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("got %d %v %s", w.Code, w.Header(), w.Body)
	}
}

func TestStreamFalseAndNullAreNoStream(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"false", "null"} {
		core, _ := answering(`{"whole":true}`)
		w := post(api.New(core, api.Options{}), "/v1/chat/completions", `{"model":"m","stream":`+value+`}`)
		if w.Body.String() != `{"whole":true}` {
			t.Errorf("%s: %s", value, w.Body)
		}
	}
}

func TestStreamMeansNothingWhereThereIsNone(t *testing.T) {
	t.Parallel()
	core, rec := answering(`{"whole":true}`)
	w := post(api.New(core, api.Options{}), "/v1/embeddings", `{"model":"m","input":"x","stream":true}`)
	if _, body := rec.request(); w.Body.String() != `{"whole":true}` || !strings.Contains(body, `"stream":true`) {
		t.Errorf("got %s", w.Body)
	}
}

// TestASilentStreamIsKeptAlive runs on fake time: the comments come every 15 s
// of silence after the first chunk, not before it and not after the end.
func TestASilentStreamIsKeptAlive(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &fakeStream{events: make(chan provider.Event), closed: make(chan struct{})}
		core, _ := answering("")
		core.stream = func(context.Context, *provider.Request) (provider.EventStream, error) { return s, nil }
		w := &writes{ResponseRecorder: httptest.NewRecorder()}
		done := make(chan struct{})
		go func() {
			defer close(done)
			api.New(core, api.Options{}).ServeHTTP(w, httptest.NewRequest("POST", "/v1/chat/completions", strings.NewReader(helloStream)))
		}()
		s.events <- started()
		time.Sleep(time.Minute) // silence before the first chunk
		s.events <- chunks(`{"a":1}`)
		time.Sleep(10 * time.Second)
		s.events <- chunks(`{"b":2}`)
		time.Sleep(31 * time.Second)
		s.events <- finished()
		<-done
		time.Sleep(time.Minute)
		want := "data: {\"a\":1}\n\n|data: {\"b\":2}\n\n|: keep-alive\n\n|: keep-alive\n\n|data: [DONE]\n\n"
		if got := strings.Join(w.pieces, "|"); got != want {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	})
}

// brokenWriter is a caller that can be written to once.
type brokenWriter struct {
	*httptest.ResponseRecorder
	writes int
}

func (w *brokenWriter) Write(p []byte) (int, error) {
	if w.writes++; w.writes > 1 {
		return 0, errors.New("gone")
	}
	return w.ResponseRecorder.Write(p)
}

// TestACommentThatCannotBeWrittenEndsTheStream: nothing else would notice that
// the caller has gone while the stream is silent.
func TestACommentThatCannotBeWrittenEndsTheStream(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &fakeStream{events: make(chan provider.Event, 1), closed: make(chan struct{})}
		s.events <- chunks(`{}`)
		core, _ := answering("")
		core.stream = func(context.Context, *provider.Request) (provider.EventStream, error) { return s, nil }
		start := time.Now()
		w := &brokenWriter{ResponseRecorder: httptest.NewRecorder()}
		api.New(core, api.Options{}).ServeHTTP(w, httptest.NewRequest("POST", "/v1/chat/completions", strings.NewReader(helloStream)))
		if took := time.Since(start); took != api.DefaultKeepAlive {
			t.Errorf("the stream ended after %s, want %s", took, api.DefaultKeepAlive)
		}
	})
}

// panicStream is a fake stream with a defect after its first chunk.
type panicStream struct{ *fakeStream }

func (s panicStream) Next() (provider.Event, error) {
	ev, err := s.fakeStream.Next()
	if err != nil {
		panic("a defect")
	}
	return ev, nil
}

func TestAPanicWithinAStreamDoesNotLookLikeItsEnd(t *testing.T) {
	t.Parallel()
	core, _ := answering("")
	core.stream = func(context.Context, *provider.Request) (provider.EventStream, error) {
		return panicStream{newFakeStream(chunks(`{}`))}, nil
	}
	resp := request(t, serve(t, core, api.Options{}), "/v1/chat/completions", helloStream)
	if got, err := io.ReadAll(resp.Body); err == nil || strings.Contains(string(got), "[DONE]") {
		t.Errorf("%q looks complete, %v", got, err)
	}
}

func TestKeepAliveCanBeTurnedOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &fakeStream{events: make(chan provider.Event), closed: make(chan struct{})}
		core, _ := answering("")
		core.stream = func(context.Context, *provider.Request) (provider.EventStream, error) { return s, nil }
		w := httptest.NewRecorder()
		done := make(chan struct{})
		go func() {
			defer close(done)
			api.New(core, api.Options{KeepAlive: -1}).ServeHTTP(w, httptest.NewRequest("POST", "/v1/chat/completions", strings.NewReader(helloStream)))
		}()
		s.events <- chunks(`{}`)
		time.Sleep(time.Hour)
		s.events <- finished()
		<-done
		if got, want := w.Body.String(), "data: {}\n\ndata: [DONE]\n\n"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

// TestTheCallersTimeoutEndsWithTheFirstChunk runs on fake time.
func TestTheCallersTimeoutEndsWithTheFirstChunk(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var during, derived error
		core, _ := answering("")
		core.stream = func(ctx context.Context, _ *provider.Request) (provider.EventStream, error) {
			if _, ok := ctx.Deadline(); ok {
				t.Error("the deadline shows, and could be handed on")
			}
			child, cancel := context.WithCancelCause(ctx)
			defer cancel(nil)
			<-child.Done()
			during, derived = ctx.Err(), child.Err()
			return nil, &provider.Error{Code: provider.CodeTimeout, Message: "m"}
		}
		start := time.Now()
		w := post(api.New(core, api.Options{}), "/v1/chat/completions", helloStream, "X-Backplane-Timeout", "30s")
		if w.Code != 504 || time.Since(start) != 30*time.Second {
			t.Errorf("got %d after %s", w.Code, time.Since(start))
		}
		if !errors.Is(during, context.DeadlineExceeded) || !errors.Is(derived, context.DeadlineExceeded) {
			t.Errorf("the context says %v, one derived from it %v", during, derived)
		}

		core.stream = func(ctx context.Context, _ *provider.Request) (provider.EventStream, error) {
			s := &fakeStream{events: make(chan provider.Event), closed: make(chan struct{})}
			go func() {
				s.events <- chunks(`{}`)
				time.Sleep(time.Hour)
				during = ctx.Err()
				s.events <- finished()
			}()
			return s, nil
		}
		w = post(api.New(core, api.Options{}), "/v1/chat/completions", helloStream, "X-Backplane-Timeout", "30s")
		if during != nil || !strings.HasSuffix(w.Body.String(), "data: [DONE]\n\n") {
			t.Errorf("an hour later the context says %v: %s", during, w.Body)
		}
	})
}

func TestTheFirstChunkIsNotDelayed(t *testing.T) {
	t.Parallel()
	s := &fakeStream{events: make(chan provider.Event), closed: make(chan struct{})}
	core, _ := answering("")
	core.stream = func(context.Context, *provider.Request) (provider.EventStream, error) { return s, nil }
	server := serve(t, core, api.Options{})
	go func() { s.events <- chunks(`{"a":1}`) }()
	resp := request(t, server, "/v1/chat/completions", helloStream)
	body := bufio.NewReader(resp.Body)
	expect := func(want string) {
		t.Helper()
		got := make([]byte, len(want))
		if _, err := io.ReadFull(body, got); err != nil || string(got) != want {
			t.Fatalf("got %q, %v, want %q", got, err, want)
		}
	}
	// No further event comes before the one before it was read.
	expect("data: {\"a\":1}\n\n")
	s.events <- chunks(`{"b":2}`)
	expect("data: {\"b\":2}\n\n")
	s.events <- finished()
	expect("data: [DONE]\n\n")
}

// request posts to a server and checks that the answer is a success.
func request(t *testing.T, server *httptest.Server, path, body string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "POST", server.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	if resp.StatusCode != 200 {
		t.Fatalf("status %d", resp.StatusCode)
	}
	return resp
}

func TestALargeChunkArrivesWhole(t *testing.T) {
	t.Parallel()
	image, err := json.Marshal(map[string]string{"b64": strings.Repeat("QUJD", 1<<20)})
	if err != nil {
		t.Fatal(err)
	}
	core, _ := answering("", chunks(string(image)), finished())
	resp := request(t, serve(t, core, api.Options{}), "/v1/chat/completions", helloStream)
	got, err := io.ReadAll(resp.Body)
	if err != nil || string(got) != "data: "+string(image)+"\n\ndata: [DONE]\n\n" {
		t.Errorf("got %d bytes, %v", len(got), err)
	}
}

func TestAStreamIsClosedWhateverHappens(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]error{"finished": nil, "failed": errors.New("odd")} {
		s := newFakeStream(chunks(`{}`), finished())
		if end != nil {
			s = newFakeStream(chunks(`{}`)).failing(end)
		}
		core, _ := answering("")
		core.stream = func(context.Context, *provider.Request) (provider.EventStream, error) { return s, nil }
		post(api.New(core, api.Options{}), "/v1/chat/completions", helloStream)
		select {
		case <-s.closed:
		default:
			t.Errorf("%s: the stream is still open", name)
		}
	}
}

// The limit can pass in the moment between the stream's beginning and its lift.
func TestALimitThatPassesJustAsAStreamBeginsIsAnswered(t *testing.T) {
	t.Parallel()
	late := &provider.Error{Code: provider.CodeTimeout, Source: provider.SourceHost, Message: "the time was up"}
	for _, began := range []bool{false, true} {
		core := &fakeCore{stream: func(ctx context.Context, _ *provider.Request) (provider.EventStream, error) {
			<-ctx.Done()
			if began {
				return newFakeStream(started(), chunks(`{"n":1}`)).failing(late), nil
			}
			return newFakeStream().failing(late), nil
		}}
		w := post(api.New(core, api.Options{}), "/v1/chat/completions", helloStream, "X-Backplane-Timeout", "10ms")
		if !strings.Contains(w.Body.String(), `"error"`) || !began && w.Code != 504 {
			t.Errorf("began %v: got %d %q", began, w.Code, w.Body)
		}
	}
}
