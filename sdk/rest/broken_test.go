package rest

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/sdk/provider"
)

func TestNonSSEAnswersToAStreamRequestAreTypedErrors(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T) {
		t.Parallel()
		tests := map[string]struct {
			contentType, encoding, body string
			status                      int
			code                        provider.Code
			words                       string
		}{
			"a JSON error with 200":           {contentType: TypeJSON, body: `{"error":{"message":"slow","code":429}}`, code: provider.CodeRateLimit, words: "slow"},
			"a JSON error with 400":           {contentType: TypeJSON, status: 400, body: `{"error":{"message":"bad"}}`, code: provider.CodeInvalidRequest, words: "bad"},
			"a whole JSON answer":             {contentType: TypeJSON + "; charset=utf-8", body: `{"choices":[],"error":null}`, code: provider.CodeProtocol, words: `sent "application/json" where an event stream was expected`},
			"HTML of a load balancer":         {contentType: "text/html; charset=utf-8", body: "<html><h1>Welcome</h1></html>", code: provider.CodeProtocol, words: "Welcome"},
			"HTML with 502":                   {contentType: "text/html", status: 502, body: "<h1>Bad Gateway</h1>", code: provider.CodeUpstream, words: "Bad Gateway"},
			"NDJSON":                          {contentType: TypeLines, body: "{}\n", code: provider.CodeProtocol, words: "application/x-ndjson"},
			"an AWS event stream":             {contentType: "application/vnd.amazon.eventstream", body: "\x00\x00\x01", code: provider.CodeProtocol, words: "vnd.amazon.eventstream"},
			"an unknown encoding":             {contentType: TypeEventStream, encoding: "br", body: "x", code: provider.CodeProtocol, words: `as "br"`},
			"gzip that is none":               {contentType: TypeEventStream, encoding: "gzip", body: "data: a\n\n", code: provider.CodeProtocol, words: "not gzip"},
			"an error in an unknown encoding": {contentType: TypeJSON, encoding: "br", status: 503, body: "x", code: provider.CodeUpstream, words: "503"},
			"a key in the page":               {contentType: "text/html", body: "<p>key sk-abcdefghijklmnop</p>", code: provider.CodeProtocol, words: "key [REDACTED]"},
		}
		for name, tt := range tests {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				client, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Content-Type", tt.contentType)
					if tt.encoding != "" {
						w.Header().Set("Content-Encoding", tt.encoding)
					}
					if tt.status != 0 {
						w.WriteHeader(tt.status)
					}
					_, _ = io.WriteString(w, tt.body)
				}, nil)
				err := streamOnce(t.Context(), client, false)
				if e := wantError(t, err, tt.code); !strings.Contains(e.Message, tt.words) {
					t.Errorf("got %q, want words %q", e.Message, tt.words)
				}
			})
		}
	})
}

func TestAStreamWithoutAContentTypeIsTriedAsOne(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T) {
		t.Parallel()
		client, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Content-Type"] = nil
			_, _ = io.WriteString(w, "data: a\n\n")
		}, nil)
		if err := streamOnce(t.Context(), client, true); err != nil {
			t.Fatal(err)
		}
	})
}

func TestGzipThatWasNotAskedForIsUnderstood(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T) {
		t.Parallel()
		client, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", TypeEventStream)
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			_, _ = io.WriteString(z, "data: a\n\n")
			_ = z.Close()
		}, func(o *Options) { o.MaxResponseBytes = 20 })
		resp, err := client.Do(t.Context(), &Request{Path: "/"})
		if err != nil {
			t.Fatal(err)
		}
		if body, err := resp.ReadAll(); string(body) != "data: a\n\n" || err != nil {
			t.Errorf("got %q, %v", body, err)
		}
	})
}

func TestAGzipBombIsBoundedByWhatItUnpacks(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T) {
		t.Parallel()
		client, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			_, _ = io.WriteString(z, strings.Repeat("x", 1<<20))
			_ = z.Close()
		}, func(o *Options) { o.MaxResponseBytes = 64 << 10 })
		resp, err := client.Do(t.Context(), &Request{Path: "/"})
		if err != nil {
			t.Fatal(err)
		}
		_, err = resp.ReadAll()
		if e := wantError(t, err, provider.CodeProtocol); !errors.Is(e, ErrTooLarge) {
			t.Errorf("got %v", e)
		}
	})
}

func TestAnAnswerThatIsCutOffIsAnErrorAndNotAShorterAnswer(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T) {
		t.Parallel()
		tests := map[string]func(net.Conn){
			"less than Content-Length": func(c net.Conn) {
				_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"a\":")
			},
			"chunks without an end": func(c net.Conn) {
				_, _ = io.WriteString(c, okHeader+"9\r\ndata: a\n\n\r\n")
			},
			"a reset": func(c net.Conn) {
				_, _ = io.WriteString(c, okHeader+"9\r\ndata: a\n\n\r\n")
				_ = c.(*net.TCPConn).SetLinger(0)
			},
			"garbage in place of a chunk": func(c net.Conn) {
				_, _ = io.WriteString(c, okHeader+"nonsense\r\n")
			},
		}
		for name, handle := range tests {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				client := newClient(t, raw(t, handle), nil)
				resp, err := client.Do(t.Context(), &Request{Path: "/"})
				if err != nil {
					t.Fatal(err)
				}
				_, err = resp.ReadAll()
				if e := wantError(t, err, provider.CodeProtocol); !strings.Contains(e.Message, "cut off after") || !e.IsTransient() {
					t.Errorf("got %v", e)
				}
			})
		}
	})
}

func TestAnHTTP2StreamThatBreaksIsAnError(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"RST_STREAM", "the connection closed"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", TypeEventStream)
				_, _ = io.WriteString(w, "data: a\n\n")
				w.(http.Flusher).Flush()
				if name == "RST_STREAM" {
					panic(http.ErrAbortHandler)
				}
				<-r.Context().Done()
			}))
			server.EnableHTTP2 = true
			server.StartTLS()
			client := newClient(t, server.URL, func(o *Options) {
				o.TLS = server.Client().Transport.(*http.Transport).TLSClientConfig
			})
			t.Cleanup(server.Close)
			resp, err := client.Do(t.Context(), &Request{Path: "/"})
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Close()
			if name != "RST_STREAM" {
				server.CloseClientConnections()
			}
			_, err = resp.ReadAll()
			if e := wantError(t, err, provider.CodeProtocol); !strings.Contains(e.Message, "cut off") {
				t.Errorf("got %v", e)
			}
		})
	}
}

func TestAServiceThatShutsDownFinishesItsStreams(t *testing.T) {
	t.Parallel()
	going := make(chan struct{})
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "data: a\n\n")
		w.(http.Flusher).Flush()
		<-going
		_, _ = io.WriteString(w, "data: b\n\n")
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	client := newClient(t, server.URL, func(o *Options) {
		o.TLS = server.Client().Transport.(*http.Transport).TLSClientConfig
	})
	t.Cleanup(server.Close)
	resp, err := client.Do(t.Context(), &Request{Path: "/"})
	if err != nil {
		t.Fatal(err)
	}
	down := make(chan error, 1)
	server.Config.RegisterOnShutdown(func() { close(going) }) // GOAWAY was sent
	go func() { down <- server.Config.Shutdown(context.WithoutCancel(t.Context())) }()
	if body, err := resp.ReadAll(); err != nil || string(body) != "data: a\n\ndata: b\n\n" {
		t.Errorf("got %q, %v", body, err)
	}
	client.Close() // Shutdown waits for connections that are idle, too
	if err := <-down; err != nil {
		t.Error(err)
	}
}

func TestNoAnswerAtAllIsUnreachableAndSaysWhere(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T) {
		t.Parallel()
		closed := httptest.NewServer(nil)
		closed.Close()
		untrusted := httptest.NewUnstartedServer(nil)
		untrusted.Config.ErrorLog = discard
		untrusted.StartTLS()
		t.Cleanup(untrusted.Close)
		tests := map[string]struct{ base, words string }{
			"refused":                       {closed.URL, "connection refused"},
			"no such host":                  {"http://service.invalid", "service.invalid"},
			"a certificate nobody trusts":   {untrusted.URL, "certificate"},
			"closed before the header":      {raw(t, func(net.Conn) {}), "broke before the answer began"},
			"reset before the header":       {raw(t, func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0) }), "broke before the answer began"},
			"plain text on the port":        {raw(t, func(c net.Conn) { _, _ = io.WriteString(c, "SSH-2.0-x\r\n") }), "broke before the answer began"},
			"plain HTTP where TLS is meant": {strings.Replace(raw(t, func(net.Conn) {}), "http:", "https:", 1), "connect to 127.0.0.1"},
		}
		for name, tt := range tests {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				client := newClient(t, tt.base, nil)
				_, err := client.Do(t.Context(), &Request{Path: "/?key=hidden", Body: []byte("{}")})
				e := wantError(t, err, provider.CodeUnreachable)
				if !strings.Contains(e.Message, tt.words) || strings.Contains(e.Message, "hidden") {
					t.Errorf("got %q, want words %q", e.Message, tt.words)
				}
				if unsent := strings.HasPrefix(e.Message, "connect to"); unsent != (e.Retry == provider.RetryAlways) {
					t.Errorf("%v: retry hint %v", e, e.Retry)
				}
			})
		}
	})
}

func TestAKeptConnectionThatWasClosedIsKnownToHaveSentNothing(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T) {
		t.Parallel()
		end := make(chan struct{})
		var near net.Conn
		client := newClient(t, raw(t, func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
			<-end // the service does not see that the connection is half closed
		}), func(o *Options) {
			o.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
				conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
				near = conn
				return conn, err
			}
		})
		t.Cleanup(func() { close(end) }) // before the service is waited for
		call := func() error {
			resp, err := client.Do(t.Context(), &Request{Path: "/", Body: []byte("{}")})
			if err == nil {
				_, err = resp.ReadAll()
			}
			return err
		}
		if err := call(); err != nil {
			t.Fatal(err)
		}
		// Writing fails, but nobody knows it yet.
		if err := near.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if e := wantError(t, call(), provider.CodeUnreachable); e.Retry != provider.RetryAlways {
			t.Errorf("got %v with retry hint %v", e, e.Retry)
		}
	})
}

func TestLinesOfJSONAreReadFromAnAnswer(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T) {
		t.Parallel()
		client, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", TypeLines)
			if r.URL.Path == "/html" {
				w.Header().Set("Content-Type", "text/html")
			}
			_, _ = io.WriteString(w, "{\"a\":1}\n{\"b\":2}\n")
		}, nil)
		resp, err := client.Do(t.Context(), &Request{Path: "/"})
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Close()
		lines, err := resp.Lines()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := readLines(lines); len(got) != 2 || err != nil {
			t.Errorf("got %q, %v", got, err)
		}
		resp, err = client.Do(t.Context(), &Request{Path: "/html"})
		if err != nil {
			t.Fatal(err)
		}
		_, err = resp.Lines()
		wantError(t, err, provider.CodeProtocol)
	})
}
