package front

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// held is a handler that answers, and requests of which hold up the end until
// they are released: how long an idle connection may still be used is then no
// matter of time.
type held struct{ entered, leave chan struct{} }

func newHeld() *held { return &held{make(chan struct{}), make(chan struct{})} }

func (h *held) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/hold" {
		close(h.entered)
		<-h.leave
		return
	}
	_, _ = io.Copy(io.Discard, r.Body)
	time.Sleep(time.Millisecond)
	_, _ = io.WriteString(w, "answer")
}

// hold sends the request that holds up the end.
func (h *held) hold(t *testing.T, addr string) {
	t.Helper()
	send(t, dial(t, addr), "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n")
	within(t, "the handler", h.entered)
}

// TestNoRequestIsLostWhenTheServerEndsUnderLoad: half of the clients send what
// this package serves itself, half what it hands over.
func TestNoRequestIsLostWhenTheServerEndsUnderLoad(t *testing.T) {
	t.Parallel()
	for range 5 {
		h := newHeld()
		server, addr := start(t, config(h))
		h.hold(t, addr)
		var lost atomic.Int64
		var clients sync.WaitGroup
		for i := range 32 {
			clients.Go(func() { lost.Add(askUntilTheEnd(t, "http://"+addr, i%2 == 0)) })
		}
		time.Sleep(20 * time.Millisecond) // some requests are under way
		ended := make(chan error, 1)
		go func() { ended <- server.Shutdown(t.Context()) }()
		clients.Wait()
		close(h.leave)
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if n := lost.Load(); n > 0 {
			t.Fatalf("%d requests were lost", n)
		}
	}
}

// askUntilTheEnd sends requests that the client cannot send again by itself,
// until there is nobody to answer, and returns how many were lost.
func askUntilTheEnd(t *testing.T, url string, chunked bool) (lost int64) {
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	const text = "request"
	for first := true; ; {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, io.MultiReader(strings.NewReader(text)))
		if err != nil {
			t.Error(err)
			return lost
		}
		if !chunked {
			req.ContentLength = int64(len(text))
		}
		resp, err := client.Do(req)
		if err != nil {
			// The system refuses connections that were not accepted when the
			// listener was closed.
			var system *net.OpError
			if dial := errors.As(err, &system) && system.Op == "dial"; !dial && !first {
				lost++
				t.Logf("lost: %v", err)
			}
			return lost
		}
		first = resp.Close // the next one needs another connection
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || string(body) != "answer" {
			lost++
		}
	}
}

func TestShutdownWaitsForRunningRequestsUntilItsContextEnds(t *testing.T) {
	t.Parallel()
	for kind, raw := range map[string]string{"own": request("GET", "\r\n"), "handed over": request("GET", "Pragma: x\r\n\r\n")} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			entered, leave := make(chan struct{}), make(chan struct{})
			server, addr := start(t, config(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
				close(entered)
				<-leave
			})))
			c := dial(t, addr)
			send(t, c, raw)
			within(t, "the handler", entered)
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			if err := server.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("shutdown: %v", err)
			}
			close(leave)
			if resp, _ := receive(t, bufio.NewReader(c)); !resp.Close {
				t.Error("the last answer does not ask to leave")
			}
			if err := server.Shutdown(t.Context()); err != nil {
				t.Errorf("the second shutdown: %v", err)
			}
		})
	}
}

// TestAConnectionThatIdlesMayBeUsedOnceMore: its client may just be sending when
// the server begins to end. It does so here when the listener is closed.
func TestAConnectionThatIdlesMayBeUsedOnceMore(t *testing.T) {
	t.Parallel()
	for kind, raw := range map[string]string{"own": request("GET", "\r\n"), "handed over": request("GET", "Pragma: x\r\n\r\n")} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			h := newHeld()
			server, addr := start(t, config(h))
			h.hold(t, addr)
			c, idler := dial(t, addr), dial(t, addr)
			in := bufio.NewReader(c)
			send(t, c, request("GET", "\r\n"))
			if resp, _ := receive(t, in); resp.Close {
				t.Error("the first answer asks to leave")
			}
			ended := make(chan error, 1)
			go func() { ended <- server.Shutdown(t.Context()) }()
			for !server.ending.Load() {
				time.Sleep(time.Millisecond)
			}
			send(t, c, raw)
			if resp, body := receive(t, in); !resp.Close || body != "answer" {
				t.Errorf("got %q, close is %v", body, resp.Close)
			}
			closes(t, in)
			close(h.leave)
			closes(t, idler)
			if err := <-ended; err != nil {
				t.Error(err)
			}
			if _, err := net.Dial("tcp", addr); err == nil {
				t.Error("it still accepts")
			}
		})
	}
}

func TestWithoutConnectionsTheEndIsAtOnce(t *testing.T) {
	t.Parallel()
	server := New(config(handlers["nothing"]))
	if err := server.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if err := server.Serve(listener(t)); !errors.Is(err, http.ErrServerClosed) {
		t.Errorf("Serve after the end returned %v", err)
	}
}

func TestCloseCutsRequestsOff(t *testing.T) {
	t.Parallel()
	entered, left := make(chan struct{}), make(chan struct{})
	server, addr := start(t, config(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(entered)
		<-r.Context().Done()
		close(left)
	})))
	c := dial(t, addr)
	send(t, c, request("GET", "\r\n"))
	within(t, "the handler", entered)
	if err := server.Close(); err != nil {
		t.Error(err)
	}
	closes(t, c)
	within(t, "the end of the context", left)
}
