package rest

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/backplane-dev/backplane/sdk/provider"
)

func TestARequestWithoutABodyIsSentOnceToo(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T) {
		t.Parallel()
		var count atomic.Int32
		var length, encoding atomic.Value
		server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			length.Store(r.ContentLength)
			encoding.Store(len(r.TransferEncoding))
			if count.Add(1) > 1 {
				panic(http.ErrAbortHandler)
			}
		}))
		t.Cleanup(server.Close)
		c := newClient(t, server.URL, nil)
		resp, err := c.Do(t.Context(), &Request{Path: "/"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := resp.ReadAll(); err != nil { // the connection is kept
			t.Fatal(err)
		}
		_, err = c.Do(t.Context(), &Request{Path: "/"})
		if e := provider.AsError(err); e == nil || e.Code != provider.CodeUnreachable || e.Retry == provider.RetryAlways {
			t.Errorf("got %v", err)
		}
		if n := count.Load(); n != 2 || length.Load() != int64(0) || encoding.Load() != 0 {
			t.Errorf("the service got %d requests for two, the last with %v bytes", n, length.Load())
		}
	})
}
