package host_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
)

func TestATestOfASilentServiceEndsWithTheEndpointsTimeout(t *testing.T) {
	t.Parallel()
	url := fakeService(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	h := start(t, openaiConfig(url, `timeout = "200ms"`, `retry { max = 0 }`), "OPENAI_API_KEY", "k")
	done := make(chan error, 1)
	go func() { done <- h.Test(t.Context(), "openai") }()
	select {
	case err := <-done:
		if e := provider.AsError(err); e == nil || e.Code != provider.CodeTimeout {
			t.Errorf("got %v, want a timeout", err)
		}
	case <-time.After(5 * time.Second):
		t.Error("it still waits")
	}
}
