package rest

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// asked is what a service sees of a request.
type asked struct {
	line, host, body string
	length           int64
	header           http.Header
}

func TestBothWaysSendTheSame(t *testing.T) {
	t.Parallel()
	requests := map[string]Request{
		"get":                       {Path: "/models"},
		"nothing":                   {},
		"post":                      {Path: "/chat", Body: []byte(`{"a":1}`), Accept: TypeEventStream, Header: http.Header{"Authorization": {"Bearer k"}}},
		"an empty post":             {Method: http.MethodPost, Path: "/x"},
		"an empty put":              {Method: http.MethodPut, Path: "/x"},
		"an empty patch":            {Method: http.MethodPatch, Path: "/x"},
		"delete":                    {Method: http.MethodDelete, Path: "/x/1"},
		"delete with a body":        {Method: http.MethodDelete, Path: "/x", Body: []byte("b")},
		"head":                      {Method: http.MethodHead, Path: "/x"},
		"another type":              {Path: "/x", Body: []byte("b"), ContentType: "text/plain", Header: http.Header{"Content-Type": {"no"}}},
		"a query":                   {Path: "/x", Query: url.Values{"q": {"a b+c", "d"}, "k": {"&"}}},
		"a path to be escaped":      {Path: "/a b/ä?#[x]"},
		"an escaped path":           {Path: "/a%2Fb%3F/c%20d"},
		"an escape that is none":    {Path: "/100%/x"},
		"two slashes":               {Path: "//x/y"},
		"all that needs no escape":  {Path: "/AZaz09-_.~/:@$&+,;="},
		"several values":            {Path: "/x", Header: http.Header{"X-Many": {"1", "2"}, "X-None": {}, "X-Empty": {""}}},
		"fields that are not its":   {Path: "/x", Body: []byte("b"), Header: http.Header{"Host": {"h"}, "Content-Length": {"9"}, "Transfer-Encoding": {"chunked"}, "Trailer": {"X"}}},
		"space around a value":      {Path: "/x", Header: http.Header{"X-Space": {"\t a  b "}}},
		"no user agent":             {Path: "/x", Header: http.Header{"User-Agent": {""}}},
		"several user agents":       {Path: "/x", Header: http.Header{"User-Agent": {"a/1", "b/2"}}},
		"a body larger than joined": {Path: "/x", Body: []byte(strings.Repeat("x", 5*joined))},
	}
	for base, agent := range map[string]string{"": "ua/1", "/v1": "", "/v%2F1/": "ua/1"} {
		for name, r := range requests {
			t.Run(name+" below "+base, func(t *testing.T) {
				t.Parallel()
				seen := make(chan asked, 2)
				server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					body, _ := io.ReadAll(r.Body) // a failure is seen by what is missing
					seen <- asked{r.Method + " " + r.RequestURI, r.Host, string(body), r.ContentLength, r.Header}
				}))
				t.Cleanup(server.Close)
				client := newClient(t, server.URL+base, func(o *Options) { o.UserAgent = agent })
				if client.pool == nil {
					t.Fatal("the client has no direct way")
				}
				var got [2]asked
				for i := range got {
					resp, err := client.Do(t.Context(), &r)
					if err != nil {
						t.Fatal(err)
					}
					resp.Close()
					got[i] = <-seen
					client.pool = nil // by the transport the second time
				}
				direct, want := got[0], got[1]
				same := maps.EqualFunc(direct.header, want.header, slices.Equal)
				if direct.line != want.line || direct.host != want.host || direct.body != want.body || direct.length != want.length || !same {
					t.Errorf("got  %.500q\nwant %.500q", fmt.Sprint(direct), fmt.Sprint(want))
				}
			})
		}
	}
}

func TestWhatWouldBecomeAnotherRequestIsNotSent(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T) {
		t.Parallel()
		client, _ := serve(t, func(_ http.ResponseWriter, r *http.Request) { t.Errorf("%s %s was sent", r.Method, r.URL) }, nil)
		for words, r := range map[string]*Request{
			`invalid header field value for "X-A"`:       {Header: http.Header{"X-A": {"1\r\nX-B: 2"}}},
			`invalid header field value for "X-0"`:       {Header: http.Header{"X-0": {"\x00"}}},
			`invalid header field name "X A"`:            {Header: http.Header{"X A": {"1"}}},
			`invalid header field name "X:\n"`:           {Header: http.Header{"X:\n": {"1"}}},
			`invalid header field name ""`:               {Header: http.Header{"": {"1"}}},
			`invalid method "GET / HTTP/1.1\r\nX:"`:      {Method: "GET / HTTP/1.1\r\nX:"},
			`invalid header field value for "Accept"`:    {Accept: "a\nb"},
			`invalid header field value for "Content-Ty`: {Body: []byte("b"), ContentType: "a\nb"},
		} {
			_, err := client.Do(t.Context(), r)
			if err == nil || !strings.Contains(err.Error(), words) {
				t.Errorf("got %v, want words %q", err, words)
			}
		}
	})
}

func TestTheDirectWayIsTakenWhereItCanBe(t *testing.T) {
	t.Parallel()
	for base, want := range map[string]bool{
		"http://service": true, "http://127.0.0.1:8000/v1": true, "http://[::1]:8000": true,
		"https://service": false, "http://dienst-ä": false, "http://service:": false, "http://[fe80::1%25eth0]": false,
	} {
		if got := newClient(t, base, nil).pool != nil; got != want {
			t.Errorf("%s: direct is %t, want %t", base, got, want)
		}
	}
	proxied := newClient(t, "http://service", func(o *Options) { o.Proxy = "http://proxy:3128" })
	if proxied.pool != nil {
		t.Error("the proxy is passed by")
	}
}

func TestAnAnswerIsHeardWhileALargeBodyIsBeingSent(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T) {
		t.Parallel()
		client, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusRequestEntityTooLarge) // the body is not read
			_, _ = io.WriteString(w, `{"error":{"message":"too large"}}`)
		}, nil)
		_, err := client.Do(t.Context(), &Request{Path: "/", Body: make([]byte, 20<<20)})
		if e := wantError(t, err, provider.CodeTooLarge); e.Message != "too large" {
			t.Errorf("got %+v", e)
		}
	})
}

func TestAUnixSocketIsAServiceToo(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "s")
		l, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", path)
		if err != nil {
			t.Fatal(err)
		}
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, r.Host) // a failure is seen by the reader
		}))
		_ = server.Listener.Close() // in favour of the socket
		server.Listener = l
		server.Start()
		t.Cleanup(server.Close)
		client := newClient(t, "http://local", func(o *Options) {
			o.Dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
				return (&net.Dialer{}).DialContext(ctx, "unix", path)
			}
		})
		for range 2 {
			resp, err := client.Do(t.Context(), &Request{Path: "/"})
			if err != nil {
				t.Fatal(err)
			}
			if body, err := resp.ReadAll(); err != nil || string(body) != "local" {
				t.Errorf("got %q, %v", body, err)
			}
		}
	})
}
