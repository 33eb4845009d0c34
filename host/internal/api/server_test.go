package api_test

import (
	"context"
	"flag"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/backplane-dev/backplane/host/internal/api"
	"github.com/backplane-dev/backplane/host/internal/front"
)

// overFront says which server the tests with real sockets use.
var overFront = true

func TestMain(m *testing.M) { goleak.VerifyTestMain(both{m}) }

// both runs the tests over both servers that the host can use.
type both struct{ *testing.M }

// Run implements [goleak.TestingM].
func (b both) Run() int {
	code := b.M.Run()
	if code != 0 || flag.Lookup("test.fuzz").Value.String() != "" {
		return code
	}
	overFront = false
	return b.M.Run()
}

// serveHandler runs a handler behind a real socket.
func serveHandler(t testing.TB, h http.Handler) *httptest.Server {
	t.Helper()
	config := api.NewServer(h, nil)
	config.ReadHeaderTimeout = time.Hour // a crowd on a loaded machine may be slow to send
	server := httptest.NewUnstartedServer(nil)
	server.Config = config
	if !overFront {
		server.Start()
		t.Cleanup(server.Close)
		return server
	}
	own := front.New(config)
	server.Config = &http.Server{ReadHeaderTimeout: time.Second} // serves nothing
	l := server.Listener
	server.Listener = &elsewhere{addr: l.Addr(), closed: make(chan struct{})}
	server.Start()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = own.Serve(l) // ends with the test
	}()
	t.Cleanup(func() {
		server.Close() // its client leaves
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := own.Shutdown(ctx); err != nil {
			t.Errorf("a request runs on: %v", err)
			_ = own.Close()
		}
		<-done
	})
	return server
}

// elsewhere is the listener of a test server whose connections another serves.
type elsewhere struct {
	addr   net.Addr
	closed chan struct{}
}

func (e *elsewhere) Addr() net.Addr { return e.addr }

func (e *elsewhere) Accept() (net.Conn, error) {
	<-e.closed
	return nil, net.ErrClosed
}

func (e *elsewhere) Close() error {
	select {
	case <-e.closed:
	default:
		close(e.closed)
	}
	return nil
}
