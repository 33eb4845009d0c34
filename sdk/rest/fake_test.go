package rest

import (
	"bufio"
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/sdk/provider"
)

var discard = log.New(io.Discard, "", 0)

// serve starts a fake service and a client of it.
func serve(t testing.TB, h http.HandlerFunc, change func(*Options)) (*Client, *httptest.Server) {
	t.Helper()
	server := httptest.NewServer(h)
	client := newClient(t, server.URL, change)
	t.Cleanup(server.Close)
	return client, server
}

// eachWay runs a test over both ways that a request can take. The clients of a
// subtest know theirs by its name.
func eachWay(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	for _, way := range []string{"direct", "transport"} {
		t.Run(way, test)
	}
}

func newClient(t testing.TB, base string, change func(*Options)) *Client {
	t.Helper()
	o := Options{BaseURL: base}
	if change != nil {
		change(&o)
	}
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(t.Name(), "/transport") {
		c.pool = nil
	}
	t.Cleanup(c.Close)
	return c
}

// raw starts a fake service that works on the bare connection: it is called
// for each connection, with the first request already read.
func raw(t *testing.T, handle func(conn net.Conn)) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			readRequest(conn)
			handle(conn)
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return "http://" + l.Addr().String()
}

func readRequest(conn net.Conn) {
	req, err := http.ReadRequest(bufio.NewReader(conn))
	if err == nil {
		_, _ = io.Copy(io.Discard, req.Body)
	}
}

// piped returns options whose connections lead to handle over net.Pipe, so that
// time in a synctest bubble passes while it waits.
func piped(handle func(conn net.Conn)) func(*Options) {
	return func(o *Options) {
		o.Dial = func(context.Context, string, string) (net.Conn, error) {
			near, far := net.Pipe()
			go func() {
				readRequest(far)
				handle(far)
				_ = far.Close()
			}()
			return near, nil
		}
	}
}

// wantError fails the test unless err has the code; it returns the error.
func wantError(t *testing.T, err error, code provider.Code) *provider.Error {
	t.Helper()
	if err == nil {
		t.Fatalf("got no error, want %s", code)
	}
	e := provider.AsError(err)
	if e.Code != code {
		t.Fatalf("got %v, want code %s", e, code)
	}
	return e
}
