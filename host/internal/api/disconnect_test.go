package api_test

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/host/internal/api"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// patience is the time within which a disconnect must be noticed. The aim is
// 100 ms; the rest is for a loaded machine.
const patience = 2 * time.Second

// leave posts and then leaves as soon as the core was reached.
func leave(t *testing.T, server *httptest.Server, path, body string, reached <-chan struct{}) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, "POST", server.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		if resp, err := server.Client().Do(req); err == nil {
			_ = resp.Body.Close()
			t.Errorf("got status %d, want none", resp.StatusCode)
		}
	}()
	within(t, patience, "reaching the core", reached)
	cancel()
	within(t, patience, "the client's return", gone)
}

// TestACallerThatLeavesBeforeTheAnswerEndsItsRequest covers a caller who waits:
// in the queue, between attempts or for the service, which is the same to the
// handler. The context must end at once.
func TestACallerThatLeavesBeforeTheAnswerEndsItsRequest(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ path, body string }{
		"call":     {"/v1/chat/completions", hello},
		"stream":   {"/v1/chat/completions", helloStream},
		"transfer": {"/v1/audio/speech", hello},
		"limited":  {"/v1/responses", helloStream},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reached, ended := make(chan struct{}), make(chan struct{})
			wait := func(ctx context.Context) error {
				close(reached)
				<-ctx.Done()
				defer close(ended)
				return ctx.Err()
			}
			core := &fakeCore{
				call: func(ctx context.Context, _ *provider.Request) (*provider.Response, error) { return nil, wait(ctx) },
				stream: func(ctx context.Context, _ *provider.Request) (provider.EventStream, error) {
					return nil, wait(ctx)
				},
				transfer: func(ctx context.Context, _ *provider.TransferRequest) (*provider.TransferResponse, error) {
					return nil, wait(ctx)
				},
			}
			leave(t, serve(t, core, api.Options{}), tt.path, tt.body, reached)
			within(t, patience, "the end of the context", ended)
		})
	}
}

func TestACallerThatLeavesWithinAStreamClosesIt(t *testing.T) {
	t.Parallel()
	var ctxDone <-chan struct{}
	s := &fakeStream{events: make(chan provider.Event), closed: make(chan struct{})}
	core := &fakeCore{stream: func(ctx context.Context, _ *provider.Request) (provider.EventStream, error) {
		ctxDone = ctx.Done()
		context.AfterFunc(ctx, s.Close) // as the core promises
		return s, nil
	}}
	server := serve(t, core, api.Options{})
	go func() { s.events <- chunks(`{}`) }()
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, "POST", server.URL+"/v1/chat/completions", strings.NewReader(helloStream))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if _, err := bufio.NewReader(resp.Body).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	cancel() // while the stream is silent
	within(t, patience, "closing the stream", s.closed)
	within(t, patience, "the end of the context", ctxDone)
}

// endlessStream is a fake stream that always has one more chunk.
type endlessStream struct {
	chunk  []byte
	closed chan struct{}
}

func (s *endlessStream) Next() (provider.Event, error) {
	return provider.Event{Kind: provider.EventData, Chunks: [][]byte{s.chunk}}, nil
}

func (s *endlessStream) Close() {
	select {
	case <-s.closed:
	default:
		close(s.closed)
	}
}

// TestACallerThatDoesNotReadLosesItsStream: a dead client, still connected,
// must not hold its slot for ever.
func TestACallerThatDoesNotReadLosesItsStream(t *testing.T) {
	t.Parallel()
	s := newFakeStream()
	endless := &endlessStream{chunk: []byte(`{"x":"` + strings.Repeat("y", 64<<10) + `"}`), closed: s.closed}
	core := &fakeCore{stream: func(context.Context, *provider.Request) (provider.EventStream, error) {
		return onceClosed{endless, s}, nil
	}}
	c := dial(t, serve(t, core, api.Options{WriteTimeout: 200 * time.Millisecond}))
	c.send("%sContent-Length: %d\r\n\r\n%s", chatHead, len(helloStream), helloStream)
	within(t, 10*time.Second, "closing the stream", s.closed)
}

// onceClosed gives the events of one stream and is closed as another.
type onceClosed struct {
	provider.EventStream
	closer *fakeStream
}

func (o onceClosed) Close() { o.closer.Close() }

// TestASlowCallerThatReadsKeepsItsStream: the limit is for each write, not for
// the whole answer.
func TestASlowCallerThatReadsKeepsItsStream(t *testing.T) {
	t.Parallel()
	const n = 40
	events := make([]provider.Event, 0, n+1)
	for range n {
		events = append(events, chunks(`{"x":"`+strings.Repeat("y", 32<<10)+`"}`))
	}
	core, _ := answering("", append(events, finished())...)
	c := dial(t, serve(t, core, api.Options{WriteTimeout: 400 * time.Millisecond}))
	c.send("%sContent-Length: %d\r\n\r\n%s", chatHead, len(helloStream), helloStream)
	resp, err := http.ReadResponse(c.in, nil)
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for piece := make([]byte, 64<<10); ; {
		read, err := resp.Body.Read(piece)
		got.Write(piece[:read])
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatalf("after %d bytes: %v", got.Len(), err)
		}
		time.Sleep(20 * time.Millisecond) // a real socket: slow, but within the limit
	}
	if !strings.HasSuffix(got.String(), "data: [DONE]\n\n") || strings.Count(got.String(), "data: ") != n+1 {
		t.Errorf("got %d events", strings.Count(got.String(), "data: "))
	}
}

// TestASlowCallerOfAWholeAnswerIsBoundedToo: the same for a large JSON answer.
func TestASlowCallerOfAWholeAnswerIsBoundedToo(t *testing.T) {
	t.Parallel()
	core, _ := answering(`"` + strings.Repeat("x", 64<<20) + `"`)
	done := make(chan struct{})
	inner := api.New(core, api.Options{WriteTimeout: 200 * time.Millisecond})
	server := serveHandler(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(done)
		inner.ServeHTTP(w, r)
	}))
	c := dial(t, server)
	c.send("%sContent-Length: %d\r\n\r\n%s", chatHead, len(hello), hello)
	within(t, 10*time.Second, "giving up", done)
}

// TestAConnectionIsUsableAfterAStream: the write deadline of a stream must not
// outlive it.
func TestAConnectionIsUsableAfterAStream(t *testing.T) {
	t.Parallel()
	core, _ := answering(`{"fine":true}`, chunks(`{}`), finished())
	c := dial(t, serve(t, core, api.Options{WriteTimeout: 100 * time.Millisecond, ReadTimeout: 100 * time.Millisecond}))
	for range 2 {
		c.send("%sContent-Length: %d\r\n\r\n%s", chatHead, len(helloStream), helloStream)
		if resp, body := c.answer(); resp.StatusCode != 200 || body != "data: {}\n\ndata: [DONE]\n\n" {
			t.Fatalf("got %d %q", resp.StatusCode, body)
		}
		time.Sleep(150 * time.Millisecond) // real time: both deadlines pass on an idle connection
		c.send("%sContent-Length: %d\r\n\r\n%s", chatHead, len(hello), hello)
		if resp, body := c.answer(); resp.StatusCode != 200 || body != `{"fine":true}` {
			t.Fatalf("got %d %q", resp.StatusCode, body)
		}
	}
}

// TestALongAnswerOutlivesTheReadTimeout: the read deadline must not outlive the
// body, or it would look as if the caller had left.
func TestALongAnswerOutlivesTheReadTimeout(t *testing.T) {
	t.Parallel()
	core := &fakeCore{call: func(ctx context.Context, _ *provider.Request) (*provider.Response, error) {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(200 * time.Millisecond): // real time: a socket's deadline has no other
			return &provider.Response{Body: []byte(`{}`)}, nil
		}
	}}
	server := serve(t, core, api.Options{ReadTimeout: 50 * time.Millisecond})
	for name, body := range map[string]io.Reader{"length": strings.NewReader(hello), "chunked": io.MultiReader(strings.NewReader(hello))} {
		resp, err := server.Client().Post(server.URL+"/v1/chat/completions", "application/json", body)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != 200 {
			t.Errorf("%s: got %d", name, resp.StatusCode)
		}
	}
}
