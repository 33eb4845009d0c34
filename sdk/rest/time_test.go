package rest

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// wait keeps a fake service silent until its client leaves.
func wait(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }

const okHeader = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"

func TestEachPhaseHasItsOwnTimeout(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T) {
		t.Parallel()
		stall := func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		tests := map[string]struct {
			base    string
			options func(*Options)
			after   time.Duration
			words   string
		}{
			"connect": {
				"http://svc", func(o *Options) { o.Dial = stall; o.ConnectTimeout = 3 * time.Second },
				3 * time.Second, "connect_timeout of 3s passed without a connection to svc:80",
			},
			"connect by default": {"http://svc", func(o *Options) { o.Dial = stall }, DefaultConnectTimeout, "connect_timeout of 10s"},
			"TLS handshake": {
				"https://svc", func(o *Options) { piped(wait)(o); o.TLSTimeout = 4 * time.Second; o.TLS = &tls.Config{} },
				4 * time.Second, "TLS handshake timeout",
			},
			"first byte": {
				"http://svc", func(o *Options) { piped(wait)(o); o.FirstByteTimeout = 5 * time.Second },
				5 * time.Second, "sent no answer within 5s (first-byte timeout)",
			},
			"the caller's deadline while connecting": {
				"http://svc", func(o *Options) { o.Dial = stall; o.ConnectTimeout = -1 },
				time.Hour, "ran out while connecting",
			},
			"the caller's deadline while waiting": {
				"http://svc", piped(wait), time.Hour, "ran out while waiting for the first byte",
			},
		}
		for name, tt := range tests {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					client := newClient(t, tt.base, tt.options)
					ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
					defer cancel()
					began := time.Now()
					_, err := client.Do(ctx, &Request{Path: "/", Body: []byte("{}")})
					e := wantError(t, err, provider.CodeTimeout)
					if !strings.Contains(e.Message, tt.words) {
						t.Errorf("got %q, want words %q", e.Message, tt.words)
					}
					if took := time.Since(began); took != tt.after {
						t.Errorf("gave up after %s, want %s", took, tt.after)
					}
				})
			})
		}
	})
}

func TestASilentStreamEndsByTheIdleTimeout(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			client := newClient(t, "http://svc", func(o *Options) {
				o.IdleTimeout = 30 * time.Second
				piped(func(conn net.Conn) {
					_, _ = io.WriteString(conn, okHeader)
					for range 10 { // slow, but not silent: comments count
						time.Sleep(20 * time.Second)
						_, _ = io.WriteString(conn, "8\r\n: ping\n\n\r\n")
					}
					wait(conn)
				})(o)
			})
			began := time.Now()
			resp, err := client.Do(t.Context(), &Request{Path: "/", Body: []byte("{}")})
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Close()
			events, err := resp.Events()
			if err != nil {
				t.Fatal(err)
			}
			_, err = events.Next()
			e := wantError(t, err, provider.CodeTimeout)
			if !strings.Contains(e.Message, "sent nothing for 30s") || e.Source != provider.SourceUpstream {
				t.Errorf("got %+v", e)
			}
			if took := time.Since(began); took != 230*time.Second {
				t.Errorf("gave up after %s, want 3m50s", took)
			}
		})
	})
}

func TestAFailureWhoseBodyDoesNotComeIsKnownByItsStatus(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			client := newClient(t, "http://svc", piped(func(conn net.Conn) {
				_, _ = io.WriteString(conn, "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 100\r\n\r\nout of ")
				wait(conn)
			}))
			began := time.Now()
			_, err := client.Do(t.Context(), &Request{Path: "/"})
			if e := wantError(t, err, provider.CodeUpstream); e.StatusCode != 500 || e.Message != "out of" {
				t.Errorf("got %+v", e)
			}
			if took := time.Since(began); took != errorBodyTime {
				t.Errorf("waited %s for the body, want %s", took, errorBodyTime)
			}
		})
	})
}

func TestWaitingBetweenReadsIsNotSilenceOfTheService(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			client := newClient(t, "http://svc", func(o *Options) {
				o.IdleTimeout = time.Second
				piped(func(conn net.Conn) {
					_, _ = io.WriteString(conn, okHeader+"9\r\ndata: a\n\n\r\n0\r\n\r\n")
				})(o)
			})
			resp, err := client.Do(t.Context(), &Request{Path: "/"})
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute) // our caller is slow
			if body, err := resp.ReadAll(); err != nil || string(body) != "data: a\n\n" {
				t.Errorf("got %q, %v", body, err)
			}
		})
	})
}

func TestTheDeadlineEndsAStream(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			client := newClient(t, "http://svc", piped(func(conn net.Conn) {
				_, _ = io.WriteString(conn, okHeader+"9\r\ndata: a\n\n\r\n")
				wait(conn)
			}))
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			resp, err := client.Do(ctx, &Request{Path: "/"})
			if err != nil {
				t.Fatal(err)
			}
			_, err = resp.ReadAll()
			if e := wantError(t, err, provider.CodeTimeout); !strings.Contains(e.Message, "ran out while reading the answer") {
				t.Errorf("got %q", e.Message)
			}
		})
	})
}

func TestAFinishedStreamIsNotHeldUpByAServiceThatKeepsItOpen(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			client := newClient(t, "http://svc", piped(func(conn net.Conn) {
				_, _ = io.WriteString(conn, okHeader+"e\r\ndata: [DONE]\n\n\r\n")
				wait(conn)
			}))
			resp, err := client.Do(t.Context(), &Request{Path: "/"})
			if err != nil {
				t.Fatal(err)
			}
			events, err := resp.Events()
			if err != nil {
				t.Fatal(err)
			}
			if batch, err := events.Next(); err != nil || !batch[0].Done() {
				t.Fatal(batch, err)
			}
			began := time.Now()
			resp.Finish()
			if took := time.Since(began); took != drainTime {
				t.Errorf("waited %s for the end, want %s", took, drainTime)
			}
		})
	})
}

func TestCancelClosesTheUpstreamConnectionAtOnce(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T) {
		t.Parallel()
		for _, name := range []string{"before the first byte", "inside a stream", "by closing the response"} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				reached, gone := make(chan struct{}), make(chan struct{})
				client, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
					_, _ = io.Copy(io.Discard, r.Body)
					if name != "before the first byte" {
						w.Header().Set("Content-Type", TypeEventStream)
						_, _ = io.WriteString(w, "data: a\n\n")
						w.(http.Flusher).Flush()
					}
					close(reached)
					<-r.Context().Done() // the server sees the connection close
					close(gone)
				}, nil)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				failed := make(chan error, 1)
				go func() { failed <- streamOnce(ctx, client, name == "by closing the response") }()
				<-reached
				cancel()
				select {
				case <-gone:
				case <-time.After(time.Second):
					t.Error("the upstream connection is still open after a second")
				}
				if err := <-failed; name != "by closing the response" {
					if e := wantError(t, err, provider.CodeCanceled); e.Source != provider.SourceCaller {
						t.Errorf("got %+v", e)
					}
				}
			})
		}
	})
}

// streamOnce reads a stream to its end, or closes it after the first event.
func streamOnce(ctx context.Context, client *Client, closeEarly bool) error {
	if closeEarly {
		ctx = context.WithoutCancel(ctx)
	}
	resp, err := client.Do(ctx, &Request{Path: "/", Body: []byte("{}")})
	if err != nil {
		return err
	}
	defer resp.Close()
	events, err := resp.Events()
	if err != nil {
		return err
	}
	for {
		if _, err := events.Next(); err != nil || closeEarly {
			return err
		}
	}
}
