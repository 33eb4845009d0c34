package rest

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
)

func TestASubdomainIsPutBeforeTheHostAndSpacesAreEscaped(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T) {
		t.Parallel()
		got := make(chan string, 1)
		server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			got <- r.Host + r.RequestURI
		}))
		t.Cleanup(server.Close)
		c, err := New(Options{BaseURL: "http://objects.example/v1", Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, server.Listener.Addr().String())
		}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		resp, err := c.Do(t.Context(), &Request{Subdomain: "photos", Path: "/a%20b", Query: url.Values{"q": {"a b+c"}}})
		if err != nil {
			t.Fatal(err)
		}
		resp.Close()
		if got, want := <-got, "photos.objects.example/v1/a%20b?q=a%20b%2Bc"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}

func TestAnEncodingThatBelongsToTheFileIsKept(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T) {
		t.Parallel()
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = io.WriteString(w, "as stored") // a failure is seen by the reader
		}))
		t.Cleanup(server.Close)
		c := newClient(t, server.URL, nil)
		resp, err := c.Do(t.Context(), &Request{Path: "/", KeepEncoding: true})
		if err != nil {
			t.Fatal(err)
		}
		if data, err := resp.ReadAll(); err != nil || string(data) != "as stored" || resp.Length != 9 {
			t.Errorf("got %q, %v, length %d", data, err, resp.Length)
		}
	})
}
