package providertest

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

// fake runs a [Service] on loopback and puts a behaviour of the kit's in front of
// it. It is safe for concurrent use.
type fake struct {
	Service
	url    string
	server *http.Server

	mu       sync.Mutex
	behave   behaviour
	received []*received
	conns    int
}

// received is one request that arrived at the fake service.
type received struct {
	path   string
	header http.Header
	body   []byte
	left   chan struct{} // closed once the provider let go of the request
}

// behaviour answers one request; healthy is the service's own handler.
type behaviour func(w http.ResponseWriter, r *http.Request, healthy http.Handler)

func startFake(s Service) (*fake, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	f := &fake{Service: s, url: "http://" + listener.Addr().String()}
	f.server = &http.Server{Handler: f, ReadHeaderTimeout: time.Minute, ConnState: f.connState}
	go func() { _ = f.server.Serve(listener) }() // ends with ErrServerClosed
	return f, nil
}

func (f *fake) close() { _ = f.server.Close() } // nothing depends on how it closed

func (f *fake) connState(_ net.Conn, s http.ConnState) {
	if s == http.StateNew {
		f.mu.Lock()
		f.conns++
		f.mu.Unlock()
	}
}

// script sets how the following requests are answered, nil is with health, and
// forgets those that arrived.
func (f *fake) script(b behaviour) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.behave, f.received, f.conns = b, nil, 0
}

// requests returns the requests that arrived since the last script.
func (f *fake) requests() []*received {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.received)
}

// connections returns the number of connections made since the last script.
func (f *fake) connections() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.conns
}

// first waits for the first request.
func (f *fake) first(ctx context.Context) (*received, error) {
	for {
		if got := f.requests(); len(got) > 0 {
			return got[0], nil
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
			return nil, &failure{
				seen:   "the service behind the provider received no request",
				advice: "send the request to the address in the setting base_url",
			}
		}
	}
}

// ServeHTTP implements [http.Handler]. The body is read before anything else:
// only then does net/http notice that the other side has gone.
func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	got := &received{path: r.URL.Path, header: r.Header.Clone(), body: body, left: make(chan struct{})}
	leave := sync.OnceFunc(func() { close(got.left) })
	stop := context.AfterFunc(r.Context(), leave)
	defer func() {
		// A behaviour that waits for the caller to leave can wake, and get here,
		// before the function that was to note it has run: stop would undo it.
		if stop(); r.Context().Err() != nil {
			leave()
		}
	}()

	f.mu.Lock()
	f.received = append(f.received, got)
	behave := f.behave
	f.mu.Unlock()
	if behave == nil {
		f.Handler.ServeHTTP(w, r)
		return
	}
	behave(w, r, f.Handler)
}
