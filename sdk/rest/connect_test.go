package rest

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
)

func TestACallsOwnTimeForConnectingIsKept(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T) {
		t.Parallel()
		stall := func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		slowly := func(ctx context.Context, network, address string) (net.Conn, error) {
			time.Sleep(3 * time.Second)
			near, far := net.Pipe()
			go wait(far)
			return near, nil
		}
		for name, tt := range map[string]struct {
			base    string
			options Options
			call    time.Duration
			after   time.Duration
			message string
		}{
			"the call's": {"http://svc", Options{Dial: stall}, 5 * time.Second, 5 * time.Second,
				"connect_timeout of 5s passed without a connection to svc:80"},
			"the client's, if it is shorter": {"http://svc", Options{Dial: stall, ConnectTimeout: 2 * time.Second}, 5 * time.Second, 2 * time.Second,
				"connect_timeout of 2s passed without a connection to svc:80"},
			"the call's, if the client has none": {"http://svc", Options{Dial: stall, ConnectTimeout: -1}, time.Minute, time.Minute,
				"connect_timeout of 1m passed without a connection to svc:80"},
			"the call's, over connecting and the TLS handshake": {"https://svc", Options{Dial: slowly, TLS: &tls.Config{}}, 5 * time.Second, 5 * time.Second,
				"connect_timeout of 5s passed without a connection to svc"},
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					client := newClient(t, tt.base, func(o *Options) {
						o.Dial, o.ConnectTimeout, o.TLS = tt.options.Dial, tt.options.ConnectTimeout, tt.options.TLS
					})
					began := time.Now()
					_, err := client.Do(provider.WithConnectTimeout(t.Context(), tt.call), &Request{Path: "/", Body: []byte("{}")})
					e := wantError(t, err, provider.CodeTimeout)
					if e.Message != tt.message || e.Source != provider.SourceUpstream {
						t.Errorf("got %q of %s, want %q", e.Message, e.Source, tt.message)
					}
					if e.Retry != provider.RetryAlways {
						t.Error("it does not vouch for it that nothing was sent")
					}
					if took := time.Since(began); took != tt.after {
						t.Errorf("gave up after %s, want %s", took, tt.after)
					}
					time.Sleep(time.Minute) // the transport gives up the handshake, too
				})
			})
		}
	})
}

func TestTheTimeForConnectingDoesNotBoundTheAnswer(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			client := newClient(t, "http://svc", piped(func(conn net.Conn) {
				time.Sleep(time.Minute)
				_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
				wait(conn)
			}))
			resp, err := client.Do(provider.WithConnectTimeout(t.Context(), time.Second), &Request{Path: "/", Body: []byte("{}")})
			if err != nil {
				t.Fatal(err)
			}
			if body, err := resp.ReadAll(); err != nil || string(body) != "ok" {
				t.Errorf("got %q, %v", body, err)
			}
		})
	})
}
