package rest

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/backplane-dev/backplane/sdk/provider"
)

func TestARequestIsSentAsDescribed(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T) {
		t.Parallel()
		client, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			for name, want := range map[string]string{
				"Authorization": "Bearer k", "Content-Type": "application/json", "Accept": "text/x", "User-Agent": "ua/1",
				"Accept-Encoding": "",
			} {
				if got := r.Header.Get(name); got != want {
					t.Errorf("header %s: got %q, want %q", name, got, want)
				}
			}
			if r.Method != http.MethodPost || r.URL.RequestURI() != "/v1/files/a%2Fb%3F?limit=2" || string(body) != `{"a":1}` || r.ContentLength != 7 {
				t.Errorf("got %s %s with %q of %d", r.Method, r.URL.RequestURI(), body, r.ContentLength)
			}
			w.Header().Set("x-request-id", "req_1")
			_, _ = io.WriteString(w, `{"ok":true}`)
		}, func(o *Options) { o.BaseURL += "/v1/"; o.UserAgent = "ua/1" })

		resp, err := client.Do(t.Context(), &Request{
			Path: "/files/" + url.PathEscape("a/b?"), Query: url.Values{"limit": {"2"}},
			Header: http.Header{"Authorization": {"Bearer k"}}, Accept: "text/x", Body: []byte(`{"a":1}`),
		})
		if err != nil {
			t.Fatal(err)
		}
		body, err := resp.ReadAll()
		if err != nil || string(body) != `{"ok":true}` || resp.Meta().RequestID != "req_1" || resp.Meta().Status != 200 {
			t.Errorf("got %q, %+v, %v", body, resp.Meta(), err)
		}
	})
}

func TestARequestWithoutABodyIsAGet(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T) {
		t.Parallel()
		client, _ := serve(t, func(_ http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodGet || r.Header.Get("Content-Type") != "" || r.ContentLength != 0 {
				t.Errorf("got %s with %q of %d", r.Method, r.Header.Get("Content-Type"), r.ContentLength)
			}
		}, nil)
		resp, err := client.Do(t.Context(), &Request{Path: "/models"})
		if err != nil {
			t.Fatal(err)
		}
		if body, err := resp.ReadAll(); err != nil || len(body) != 0 {
			t.Errorf("got %q, %v", body, err)
		}
	})
}

func TestAnUploadIsSentWithItsLengthIfThatIsKnown(t *testing.T) {
	t.Parallel()
	lengths := make(chan int64, 1)
	client, _ := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if string(body) != "bytes" || r.Header.Get("Content-Type") != "audio/mpeg" {
			t.Errorf("got %q as %q", body, r.Header.Get("Content-Type"))
		}
		lengths <- r.ContentLength
	}, nil)
	for _, length := range []int64{5, -1} {
		resp, err := client.Do(t.Context(), &Request{
			Path: "/x", ContentType: "audio/mpeg", Upload: strings.NewReader("bytes"), UploadLength: length,
		})
		if err != nil {
			t.Fatal(err)
		}
		resp.Close()
		if got := <-lengths; got != length {
			t.Errorf("got length %d, want %d", got, length)
		}
	}
}

func TestConnectionsAreUsedAgain(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T) {
		t.Parallel()
		var connections atomic.Int32
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/stream" {
				_, _ = io.WriteString(w, "{}")
				return
			}
			w.Header().Set("Content-Type", TypeEventStream)
			_, _ = io.WriteString(w, "data: [DONE]\n\n")
			w.(http.Flusher).Flush() // so that the end of the body comes in a packet of its own
		}))
		server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
			if s == http.StateNew {
				connections.Add(1)
			}
		}
		server.Start()
		client := newClient(t, server.URL, nil)
		t.Cleanup(server.Close)
		for range 5 {
			resp, err := client.Do(t.Context(), &Request{Path: "/unary"})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := resp.ReadAll(); err != nil {
				t.Fatal(err)
			}
			resp, err = client.Do(t.Context(), &Request{Path: "/stream"})
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
			resp.Finish()
		}
		if got := connections.Load(); got != 1 {
			t.Errorf("10 calls in a row took %d connections, want 1", got)
		}
	})
}

func TestNothingIsSentTwice(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T) {
		t.Parallel()
		// The service answers the first request of a connection and closes it at
		// the second: the case in which Go's client likes to try again.
		var requests atomic.Int32
		client, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			if requests.Add(1) > 1 {
				conn, _, err := w.(http.Hijacker).Hijack()
				if err == nil {
					_ = conn.Close()
				}
			}
		}, nil)
		call := func() error {
			resp, err := client.Do(t.Context(), &Request{
				Path: "/x", Body: []byte("{}"), Header: http.Header{"Idempotency-Key": {"k"}},
			})
			if err == nil {
				_, err = resp.ReadAll()
			}
			return err
		}
		if err := call(); err != nil {
			t.Fatal(err)
		}
		if e := wantError(t, call(), provider.CodeUnreachable); e.Retry == provider.RetryAlways {
			t.Errorf("%v says that nothing was sent", e)
		}
		if got := requests.Load(); got != 2 {
			t.Errorf("two calls became %d requests", got)
		}
	})
}

func TestAnswersThatAreNoSuccessAreClassifiedErrors(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T) {
		t.Parallel()
		client, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After", "3")
			w.WriteHeader(http.StatusTooManyRequests)
			_, _ = io.WriteString(w, `{"error":{"message":"no money for key `+r.Header.Get("Authorization")+`","code":"insufficient_quota"}}`)
		}, func(o *Options) {
			o.Classify = func(e *provider.Error) {
				if e.UpstreamCode == "insufficient_quota" {
					e.Code = provider.CodeQuota
				}
			}
		})
		_, err := client.Do(t.Context(), &Request{Path: "/x", Header: http.Header{"Authorization": {"Bearer topsecret"}}})
		e := wantError(t, err, provider.CodeQuota)
		if e.StatusCode != 429 || e.RetryAfter.Seconds() != 3 || strings.Contains(e.Error(), "topsecret") {
			t.Errorf("got %+v", e)
		}
	})
}

func TestRedirectsAreFollowedOnTheSameHostOnly(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T) {
		t.Parallel()
		other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			t.Error("the request, with its credential, was led to another host")
		}))
		t.Cleanup(other.Close)
		client, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			switch r.URL.Path {
			case "/same":
				http.Redirect(w, r, "/final", http.StatusTemporaryRedirect)
			case "/get":
				http.Redirect(w, r, "/final", http.StatusFound)
			case "/changes-method":
				http.Redirect(w, r, "/final", http.StatusFound)
			case "/other":
				http.Redirect(w, r, other.URL+"/final?key=secret", http.StatusPermanentRedirect)
			case "/loop":
				http.Redirect(w, r, "/loop", http.StatusTemporaryRedirect)
			case "/final":
				_, _ = io.WriteString(w, r.Method+" "+string(body)+" "+r.Header.Get("Authorization"))
			}
		}, nil)
		do := func(path, body string) (string, error) {
			resp, err := client.Do(t.Context(), &Request{
				Path: path, Body: []byte(body), Header: http.Header{"Authorization": {"k"}},
			})
			if err != nil {
				return "", err
			}
			got, err := resp.ReadAll()
			return string(got), err
		}
		if got, err := do("/same", "b"); got != "POST b k" || err != nil {
			t.Errorf("same host: got %q, %v", got, err)
		}
		if got, err := do("/get", ""); got != "GET  k" || err != nil {
			t.Errorf("GET: got %q, %v", got, err)
		}
		for path, words := range map[string]string{
			"/other": "another host", "/changes-method": "turn POST into GET", "/loop": "too many times",
		} {
			_, err := do(path, "b")
			e := wantError(t, err, provider.CodeProtocol)
			if !strings.Contains(e.Message, words) || strings.Contains(e.Message, "key=") || e.IsTransient() {
				t.Errorf("%s: got %v", path, e)
			}
		}
	})
}

func TestAWholeAnswerIsBounded(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T) {
		t.Parallel()
		client, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/flushed" {
				w.(http.Flusher).Flush() // no Content-Length
			}
			_, _ = io.WriteString(w, strings.Repeat("x", 101))
		}, func(o *Options) { o.MaxResponseBytes = 100 })
		for _, path := range []string{"/announced", "/flushed"} {
			resp, err := client.Do(t.Context(), &Request{Path: path})
			if err != nil {
				t.Fatal(err)
			}
			_, err = resp.ReadAll()
			if e := wantError(t, err, provider.CodeProtocol); !errors.Is(e, ErrTooLarge) || e.IsTransient() {
				t.Errorf("%s: got %v", path, e)
			}
		}
	})
}

func TestHTTP2IsSpokenOverTLS(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Proto)
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
	if body, err := resp.ReadAll(); string(body) != "HTTP/2.0" || err != nil {
		t.Errorf("got %q, %v", body, err)
	}
}

func TestTheProxyIsUsedOnlyIfConfigured(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "proxied "+r.URL.String())
	}))
	t.Cleanup(proxy.Close)
	get := func(c *Client) string {
		resp, err := c.Do(context.Background(), &Request{Path: "/x"})
		if err != nil {
			return err.Error()
		}
		body, _ := resp.ReadAll()
		return string(body)
	}
	direct, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "direct") }, nil)
	if got := get(direct); got != "direct" {
		t.Errorf("without a proxy: got %q", got)
	}
	through := newClient(t, "http://service.invalid", func(o *Options) { o.Proxy = proxy.URL })
	if got := get(through); got != "proxied http://service.invalid/x" {
		t.Errorf("with a proxy: got %q", got)
	}
}

func TestOptionsThatCannotWorkAreRefusedInWordsForTheOperator(t *testing.T) {
	t.Parallel()
	for base, words := range map[string]string{
		"":                      "must begin with http:// or https://",
		"api.example.com":       "must begin with http:// or https://",
		"ftp://x":               "must begin with http:// or https://",
		"http://":               "must begin with http:// or https://",
		"http://u:secret@x":     "must not contain a user",
		"http://x?key=secret":   "must not contain a query",
		"http://x\x7fsecret":    "not a URL",
		"https://x/v1#fragment": "must not contain a query or fragment",
	} {
		err := CheckBaseURL(base)
		if err == nil || !strings.Contains(err.Error(), words) || strings.Contains(err.Error(), "secret") {
			t.Errorf("base URL %q: got %v, want words %q", base, err, words)
		}
	}
	for proxy, words := range map[string]string{"gopher://x": "has the scheme", "nowhere": "must be the address", "://": "must be the address"} {
		if err := CheckProxy(proxy); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("proxy %q: got %v, want words %q", proxy, err, words)
		}
	}
	for _, proxy := range []string{"", ProxyEnvironment, "http://p:1", "socks5://p:1"} {
		if err := CheckProxy(proxy); err != nil {
			t.Errorf("proxy %q: %v", proxy, err)
		}
	}
	if _, err := New(Options{BaseURL: "http://x", Proxy: "nowhere"}); err == nil {
		t.Error("New took a proxy that is no address")
	}
}

func TestAUserAgentInTheHeaderStandsAboveTheClients(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T) {
		t.Parallel()
		client, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, r.Header.Get("User-Agent")) // a failure is seen by the reader
		}, func(o *Options) { o.UserAgent = "ua/1" })
		for want, header := range map[string]http.Header{"ua/1": nil, "acme/2": {"User-Agent": {"acme/2"}}} {
			resp, err := client.Do(t.Context(), &Request{Path: "/", Header: header})
			if err != nil {
				t.Fatal(err)
			}
			if got, err := resp.ReadAll(); err != nil || string(got) != want {
				t.Errorf("sent %q, %v, want %q", got, err, want)
			}
		}
	})
}
