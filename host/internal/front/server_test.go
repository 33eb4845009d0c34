package front

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long something may take that happens at once.
const patience = 20 * time.Second

func within(t *testing.T, what string, ch <-chan struct{}) {
	t.Helper()
	select {
	case <-ch:
	case <-time.After(patience):
		t.Fatalf("%s did not happen", what)
	}
}

func send(t *testing.T, c net.Conn, raw string) {
	t.Helper()
	if _, err := io.WriteString(c, raw); err != nil {
		t.Fatal(err)
	}
}

func receive(t *testing.T, in *bufio.Reader) (*http.Response, string) {
	t.Helper()
	resp, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

// closes checks that the server ends the connection without a word.
func closes(t *testing.T, in io.Reader) {
	t.Helper()
	if rest, err := io.ReadAll(in); len(rest) > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %q, %v instead of the end of the connection", rest, err)
	}
}

// TestAClientThatLeavesEndsItsRequest is what this package must not lose: the
// handler waits for nothing but its context.
func TestAClientThatLeavesEndsItsRequest(t *testing.T) {
	t.Parallel()
	ways := map[string]func(c *net.TCPConn) error{
		"closes":             (*net.TCPConn).Close,
		"sends no more":      (*net.TCPConn).CloseWrite,
		"resets":             func(c *net.TCPConn) error { return errors.Join(c.SetLinger(0), c.Close()) },
		"leaves more behind": func(c *net.TCPConn) error { _, err := io.WriteString(c, end); return errors.Join(err, c.Close()) },
	}
	requests := map[string]string{
		"without a body": request("GET", "\r\n"),
		"with a body":    request("POST", "Content-Length: 5\r\n\r\n12345"),
		"within a body":  request("POST", "Content-Length: 500\r\n\r\n12345"),
	}
	for way, leave := range ways {
		for kind, raw := range requests {
			t.Run(way+" "+kind, func(t *testing.T) {
				t.Parallel()
				entered, left := make(chan struct{}), make(chan struct{})
				var once sync.Once
				_, addr := start(t, config(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					first := false
					once.Do(func() { first = true })
					if !first {
						return
					}
					control := http.NewResponseController(w)
					_ = control.EnableFullDuplex() // or the answer would wait for the body
					_, _ = io.WriteString(w, "begun")
					_ = control.Flush()
					close(entered)
					<-r.Context().Done()
					if !errors.Is(context.Cause(r.Context()), context.Canceled) {
						t.Errorf("it ended with %v", context.Cause(r.Context()))
					}
					close(left)
				})))
				c := dial(t, addr)
				send(t, c, raw)
				within(t, "the handler", entered)
				if err := leave(c); err != nil {
					t.Fatal(err)
				}
				within(t, "the end of the context", left)
			})
		}
	}
}

// TestARequestOfAClientThatLeftBeforeIsCancelled: its leaving may be noticed
// before its request is read.
func TestARequestOfAClientThatLeftBeforeIsCancelled(t *testing.T) {
	t.Parallel()
	left := make(chan struct{})
	_, addr := start(t, config(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
		close(left)
	})))
	c := dial(t, addr)
	send(t, c, request("GET", "\r\n"))
	if err := c.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	within(t, "the end of the context", left)
}

func TestAContextEndsWithItsHandler(t *testing.T) {
	t.Parallel()
	contexts := make(chan context.Context, 2)
	_, addr := start(t, config(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); !ok || local.String() != r.Host {
			t.Errorf("the local address is %v", local)
		}
		if err := r.Context().Err(); err != nil {
			t.Errorf("it began with %v", err)
		}
		contexts <- r.Context()
	})))
	c := dial(t, addr)
	in := bufio.NewReader(c)
	for range 2 {
		send(t, c, "GET / HTTP/1.1\r\nHost: "+addr+"\r\n\r\n")
		receive(t, in)
		if err := (<-contexts).Err(); !errors.Is(err, context.Canceled) {
			t.Errorf("afterwards it says %v", err)
		}
	}
}

func TestRequestsThatComeTogetherAreAnsweredInOrder(t *testing.T) {
	t.Parallel()
	_, addr := start(t, config(handlers["echo"]))
	c := dial(t, addr)
	send(t, c, request("POST", "Content-Length: 3\r\n\r\none")+"\r\n"+request("GET", "\r\n")+
		request("POST", "Content-Length: 3\r\n\r\ntwo")+request("PUT", "Transfer-Encoding: chunked\r\n\r\n5\r\nthree\r\n0\r\n\r\n")+end)
	in := bufio.NewReader(c)
	for _, want := range []string{"one", "", "two", "three", ""} {
		if _, got := receive(t, in); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	closes(t, in)
}

func TestASilentConnectionIsClosed(t *testing.T) {
	t.Parallel()
	s := config(handlers["nothing"])
	s.ReadHeaderTimeout, s.IdleTimeout = 50*time.Millisecond, 50*time.Millisecond
	_, addr := start(t, s)
	t.Run("at first", func(t *testing.T) {
		t.Parallel()
		closes(t, dial(t, addr))
	})
	t.Run("with half a head", func(t *testing.T) {
		t.Parallel()
		c := dial(t, addr)
		send(t, c, "GET / HT")
		if resp, _ := receive(t, bufio.NewReader(c)); resp.StatusCode != http.StatusBadRequest {
			t.Errorf("got %d, not what net/http says", resp.StatusCode)
		}
	})
	t.Run("after a request", func(t *testing.T) {
		t.Parallel()
		c := dial(t, addr)
		in := bufio.NewReader(c)
		send(t, c, request("GET", "\r\n"))
		receive(t, in)
		closes(t, in)
	})
}

// TestDeadlinesOfOneRequestDoNotHoldForTheNext, nor does the idle limit hold for
// a body.
func TestDeadlinesOfOneRequestDoNotHoldForTheNext(t *testing.T) {
	t.Parallel()
	s := config(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		_, _ = w.Write(body)
		control := http.NewResponseController(w)
		past := time.Unix(1, 0)
		if err := errors.Join(control.Flush(), control.SetReadDeadline(past), control.SetWriteDeadline(past)); err != nil {
			t.Error(err)
		}
	}))
	s.IdleTimeout = 10 * time.Second
	_, addr := start(t, s)
	c := dial(t, addr)
	in := bufio.NewReader(c)
	for range 3 {
		send(t, c, request("POST", "Content-Length: 30000\r\n\r\n"+strings.Repeat("x", 10_000)))
		send(t, c, strings.Repeat("x", 20_000))
		if _, body := receive(t, in); len(body) != 30_000 {
			t.Errorf("got %d bytes", len(body))
		}
	}
}

func TestADeadlineEndsAReadUnderWay(t *testing.T) {
	t.Parallel()
	entered := make(chan struct{})
	result := make(chan error, 1)
	_, addr := start(t, config(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, err := r.Body.Read(make([]byte, 10))
			result <- err
		}()
		close(entered)
		for len(result) == 0 { // it may not have begun to read
			_ = http.NewResponseController(w).SetReadDeadline(time.Unix(1, 0))
			time.Sleep(time.Millisecond)
		}
		<-done
		_, _ = io.WriteString(w, "answer")
	})))
	c := dial(t, addr)
	send(t, c, request("POST", "Content-Length: 100\r\n\r\n"))
	within(t, "the handler", entered)
	resp, body := receive(t, bufio.NewReader(c))
	if err := <-result; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if body != "answer" || !resp.Close {
		t.Errorf("got %q, close is %v", body, resp.Close)
	}
}

func TestAPanicEndsItsConnectionOnly(t *testing.T) {
	t.Parallel()
	var logged bytes.Buffer
	s := config(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "begun")
		switch r.URL.Path {
		case "/panic":
			panic("oops")
		case "/abort":
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}
	}))
	s.ErrorLog = log.New(&logged, "", 0)
	server, addr := start(t, s)
	c := dial(t, addr)
	send(t, c, "GET /panic HTTP/1.1\r\nHost: a\r\n\r\n")
	closes(t, c)
	c = dial(t, addr)
	send(t, c, "GET /abort HTTP/1.1\r\nHost: a\r\n\r\n")
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(resp.Body); string(body) != "begun" || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %q, %v", body, err)
	}
	c = dial(t, addr)
	send(t, c, end)
	receive(t, bufio.NewReader(c))
	if err := server.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if text := logged.String(); strings.Count(text, "panic serving") != 1 || !strings.Contains(text, "oops") {
		t.Errorf("it logged %q", text)
	}
}

// TestAnAnswerToABodyThatIsNotWantedArrives although the client sends all of it
// first.
func TestAnAnswerToABodyThatIsNotWantedArrives(t *testing.T) {
	t.Parallel()
	for name, h := range map[string]http.HandlerFunc{
		"not read": handlers["error"],
		"closing": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Connection", "close")
			w.WriteHeader(418)
		},
	} {
		_, addr := start(t, config(h))
		c := dial(t, addr)
		go func() {
			_, _ = io.Copy(c, io.MultiReader(strings.NewReader(request("POST", "Content-Length: 400000\r\n\r\n")), strings.NewReader(strings.Repeat("x", 400_000))))
		}()
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if resp.StatusCode != http.StatusTeapot || !resp.Close {
			t.Errorf("%s: got %d, close is %v", name, resp.StatusCode, resp.Close)
		}
	}
}

// TestNothingIsDoneForAHandlerThatHasReturned: what it left running must not
// touch the next exchange.
func TestNothingIsDoneForAHandlerThatHasReturned(t *testing.T) {
	t.Parallel()
	type left struct {
		w http.ResponseWriter
		r *http.Request
	}
	exchanges := make(chan left, 1)
	_, addr := start(t, config(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { exchanges <- left{w, r} })))
	c := dial(t, addr)
	in := bufio.NewReader(c)
	send(t, c, request("POST", "X: y\r\nContent-Length: 5\r\n\r\n12345"))
	receive(t, in)
	first := <-exchanges
	control := http.NewResponseController(first.w)
	if _, err := first.w.Write([]byte("late")); !errors.Is(err, errOver) {
		t.Errorf("writing says %v", err)
	}
	if err := errors.Join(control.Flush()); !errors.Is(err, errOver) {
		t.Errorf("flushing says %v", err)
	}
	for _, err := range []error{control.SetReadDeadline(time.Unix(1, 0)), control.SetWriteDeadline(time.Unix(1, 0))} {
		if !errors.Is(err, errOver) {
			t.Errorf("setting a deadline says %v", err)
		}
	}
	if _, err := first.r.Body.Read(make([]byte, 1)); !errors.Is(err, http.ErrBodyReadAfterClose) {
		t.Errorf("reading says %v", err)
	}
	send(t, c, request("GET", "X: z\r\n\r\n"))
	receive(t, in)
	if second := <-exchanges; first.r.Header.Get("X") != "y" || second.r.Header.Get("X") != "z" {
		t.Errorf("the headers are %v and %v", first.r.Header, second.r.Header)
	}
}

// TestAWaitingStreamHoldsNoBuffers is why a stream costs what it does.
func TestAWaitingStreamHoldsNoBuffers(t *testing.T) {
	t.Parallel()
	_, addr := start(t, config(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, "data: 1\n\n")
		_ = http.NewResponseController(w).Flush()
		if own := w.(*response); own.out != nil || own.c.in != nil {
			t.Errorf("it holds %v and %v", own.out, own.c.in)
		}
	})))
	c := dial(t, addr)
	send(t, c, request("POST", "Content-Length: 5\r\n\r\n12345"))
	receive(t, bufio.NewReader(c))
}

func TestWritingToAClientThatLeftEndsTheContext(t *testing.T) {
	t.Parallel()
	done := make(chan struct{})
	_, addr := start(t, config(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(done)
		for {
			if _, err := w.Write(make([]byte, 64<<10)); err != nil {
				<-r.Context().Done()
				return
			}
		}
	})))
	c := dial(t, addr)
	send(t, c, request("GET", "\r\n"))
	if _, err := c.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
	within(t, "the end", done)
}

// TestOtherListenersAreServed covers TLS and unix sockets, which this
// package serves itself where it can.
func TestOtherListenersAreServed(t *testing.T) {
	t.Parallel()
	certified := httptest.NewUnstartedServer(nil)
	certified.StartTLS()
	t.Cleanup(certified.Close)
	path := filepath.Join(t.TempDir(), "s")
	socket, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	plain := listener(t)
	server := New(config(handlers["echo"]))
	var serving sync.WaitGroup
	for _, l := range []net.Listener{tls.NewListener(plain, certified.TLS), socket} {
		serving.Go(func() { _ = server.Serve(l) })
	}
	t.Cleanup(func() {
		_ = server.Close()
		serving.Wait()
	})
	overUnix := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}}
	t.Cleanup(overUnix.CloseIdleConnections)
	overTLS := certified.Client()
	overTLS.Transport.(*http.Transport).TLSClientConfig.ServerName = "example.com"
	for url, client := range map[string]*http.Client{"http://unix/": {Transport: overUnix}, "https://" + plain.Addr().String() + "/": overTLS} {
		for range 2 {
			resp, err := client.Post(url, "text/plain", strings.NewReader("hello"))
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if string(body) != "hello" || err != nil {
				t.Errorf("%s: got %q, %v", url, body, err)
			}
		}
	}
}

func TestALengthThatIsNoneIsReplaced(t *testing.T) {
	t.Parallel()
	_, addr := start(t, config(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "five")
		_, _ = io.WriteString(w, "hello")
	})))
	c := dial(t, addr)
	send(t, c, end)
	if resp, body := receive(t, bufio.NewReader(c)); resp.ContentLength != 5 || body != "hello" {
		t.Errorf("got %d, %q", resp.ContentLength, body)
	}
}

func TestWantOfDescriptorsPasses(t *testing.T) {
	t.Parallel()
	if err := (&net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", syscall.EMFILE)}); !passing(err) {
		t.Errorf("%v does not pass", err)
	}
	if passing(net.ErrClosed) {
		t.Error("the end of a listener passes")
	}
}
