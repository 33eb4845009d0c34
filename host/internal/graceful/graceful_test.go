package graceful

import (
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

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func serve(t *testing.T, h http.HandlerFunc) (*Server, string, <-chan error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := New(&http.Server{Handler: h, ReadHeaderTimeout: time.Minute})
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	return s, "http://" + l.Addr().String(), done
}

func TestNoRequestIsLostWhenTheServerEndsUnderLoad(t *testing.T) {
	t.Parallel()
	for range 10 {
		s, url, done := serve(t, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			time.Sleep(time.Millisecond)
			_, _ = io.WriteString(w, "answer")
		})
		var lost atomic.Int64
		var clients sync.WaitGroup
		for range 32 {
			clients.Go(func() {
				transport := &http.Transport{}
				defer transport.CloseIdleConnections()
				client := &http.Client{Transport: transport}
				for i, first := 0, true; ; i++ {
					// A reader without a known type: the client cannot send it again by itself.
					resp, err := client.Post(url, "text/plain", io.MultiReader(strings.NewReader("request")))
					if err != nil {
						// The system refuses connections that were not accepted yet when the
						// listener was closed; so it does the next one of a client that was
						// told to leave.
						var refused *net.OpError
						if dial := errors.As(err, &refused) && refused.Op == "dial"; !dial && !first {
							lost.Add(1)
							t.Logf("request %d: %v", i, err)
						}
						return
					}
					first = resp.Close // the next one needs another connection
					body, err := io.ReadAll(resp.Body)
					resp.Body.Close()
					if err != nil || string(body) != "answer" {
						lost.Add(1)
					}
				}
			})
		}
		time.Sleep(20 * time.Millisecond)
		if err := s.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		clients.Wait()
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("Serve returned %v", err)
		}
		if n := lost.Load(); n > 0 {
			t.Fatalf("%d requests were lost", n)
		}
	}
}

func TestShutdownWaitsForRunningRequestsUntilItsContextEnds(t *testing.T) {
	t.Parallel()
	entered, leave := make(chan struct{}), make(chan struct{})
	s, url, done := serve(t, func(http.ResponseWriter, *http.Request) {
		close(entered)
		<-leave
	})
	result := make(chan error, 1)
	go func() {
		resp, err := http.Get(url)
		if err == nil {
			err = resp.Body.Close()
		}
		result <- err
	}()
	<-entered
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := s.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("shutdown: %v", err)
	}
	close(leave)
	if err := <-result; err != nil {
		t.Errorf("the running request: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := <-done; !errors.Is(err, http.ErrServerClosed) {
		t.Errorf("Serve returned %v", err)
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestWithoutConnectionsTheEndIsAtOnce(t *testing.T) {
	t.Parallel()
	s, url, done := serve(t, func(http.ResponseWriter, *http.Request) {})
	began := time.Now()
	if err := s.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > lastCall/2 {
		t.Errorf("it took %v", took)
	}
	<-done
	if _, err := http.Get(url); err == nil {
		t.Error("it still answers")
	}
	if err := s.Serve(listener()); !errors.Is(err, http.ErrServerClosed) {
		t.Errorf("Serve after the end returned %v", err)
	}
}

// listener makes a listener that may be closed.
func listener() net.Listener {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	return l
}

func TestAnAnnouncedEndAsksClientsToLeaveAndStillAccepts(t *testing.T) {
	t.Parallel()
	s, url, done := serve(t, func(http.ResponseWriter, *http.Request) {})
	client := &http.Client{Transport: &http.Transport{}}
	for _, leave := range []bool{false, true} {
		resp, err := client.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.Close != leave {
			t.Errorf("the answer asks to leave: %v, want %v", resp.Close, leave)
		}
		client.CloseIdleConnections() // the next request needs another connection
		s.Announce()
	}
	if err := s.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	<-done
}
