package rest

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// silent is an upload whose sender falls silent after a few bytes, until it is
// let go.
type silent struct {
	sent  bool
	ended chan struct{}
}

func newSilent(t *testing.T) *silent {
	s := &silent{ended: make(chan struct{})}
	t.Cleanup(func() { close(s.ended) })
	return s
}

// Read implements [io.Reader].
func (s *silent) Read(p []byte) (int, error) {
	if !s.sent {
		s.sent = true
		return copy(p, "bytes"), nil
	}
	<-s.ended
	return 0, io.ErrUnexpectedEOF
}

// sendSilent returns why an upload failed whose sender is silent.
func sendSilent(ctx context.Context, t *testing.T, client *Client) *provider.Error {
	t.Helper()
	ended := make(chan error, 1)
	up := newSilent(t)
	go func() {
		resp, err := client.Do(ctx, &Request{Path: "/x", Upload: up, UploadLength: 100})
		if err == nil {
			resp.Close()
		}
		ended <- err
	}()
	select {
	case err := <-ended:
		if err == nil {
			t.Fatal("half an upload is a success")
		}
		return provider.AsError(err)
	case <-time.After(5 * time.Second):
		t.Fatal("the request has not ended")
		return nil
	}
}

// hangUp closes the connection after the first bytes of the body.
func hangUp(t *testing.T, answer string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.ReadFull(r.Body, make([]byte, 5)) // that they come is not what is tested
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.WriteString(conn, answer) // as above
		_ = conn.Close()                    // that is all
	}
}

func TestAServiceThatHangsUpEndsAnUploadWhoseSenderIsSilent(t *testing.T) {
	t.Parallel()
	t.Run("plain", func(t *testing.T) {
		t.Parallel()
		client, _ := serve(t, hangUp(t, ""), nil)
		if e := sendSilent(t.Context(), t, client); e.Code != provider.CodeUnreachable {
			t.Errorf("got %+v", e)
		}
	})
	t.Run("TLS", func(t *testing.T) {
		t.Parallel()
		server := httptest.NewTLSServer(hangUp(t, ""))
		t.Cleanup(server.Close)
		client := newClient(t, server.URL, func(o *Options) { o.TLS = server.Client().Transport.(*http.Transport).TLSClientConfig })
		if e := sendSilent(t.Context(), t, client); e.Code != provider.CodeUnreachable {
			t.Errorf("got %+v", e)
		}
	})
	t.Run("HTTP/2", func(t *testing.T) {
		t.Parallel()
		conns := make(chan net.Conn, 8)
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			_ = (<-conns).Close() // that is all
		}))
		server.EnableHTTP2 = true
		server.Config.ConnState = func(c net.Conn, state http.ConnState) {
			if state == http.StateNew {
				conns <- c
			}
		}
		server.StartTLS()
		client := newClient(t, server.URL, func(o *Options) { o.TLS = server.Client().Transport.(*http.Transport).TLSClientConfig })
		t.Cleanup(server.Close)
		if e := sendSilent(t.Context(), t, client); e.Code != provider.CodeUnreachable {
			t.Errorf("got %+v", e)
		}
	})
}

func TestTheAnswerOfAServiceThatThenHangsUpIsNotLost(t *testing.T) {
	t.Parallel()
	client, _ := serve(t, hangUp(t, "HTTP/1.1 503 Slow Down\r\nContent-Type: application/json\r\nContent-Length: 32\r\n\r\n{\"error\":{\"message\":\"too fast\"}}"), nil)
	for range 20 {
		if e := sendSilent(t.Context(), t, client); e.StatusCode != 503 || e.Message != "too fast" {
			t.Fatalf("got %+v", e)
		}
	}
}

func TestTheEndOfTheContextEndsAnUploadWhoseSenderIsSilent(t *testing.T) {
	t.Parallel()
	client, _ := serve(t, func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if e := sendSilent(ctx, t, client); e.Code != provider.CodeTimeout {
		t.Errorf("got %+v", e)
	}
}
