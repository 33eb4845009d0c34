package api_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/host/internal/api"
	"github.com/backplane-dev/backplane/host/internal/caller"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// FuzzCallers: whatever stands in the headers, a request is either served for a
// tenant that can be shown, or answered with 400.
func FuzzCallers(f *testing.F) {
	f.Add("Bearer sk-1", "team", "high")
	f.Add("", "", "")
	f.Add("basic \x00", strings.Repeat("ä", 100), "HIGH\n")
	f.Fuzz(func(t *testing.T, key, team, priority string) {
		for _, by := range []string{"key", "header:x-team"} {
			var got *caller.Caller
			core, _ := answering(`{}`)
			core.call = func(ctx context.Context, _ *provider.Request) (*provider.Response, error) {
				got = caller.From(ctx)
				return &provider.Response{Body: []byte(`{}`)}, nil
			}
			h := api.New(core, api.Options{TenantBy: by, PriorityHeader: "x-priority", CallerHeaders: func() bool { return true }})
			r := httptest.NewRequest("POST", "/v1/chat/completions", strings.NewReader(hello))
			r.Header["Authorization"], r.Header["X-Team"], r.Header["X-Priority"] = []string{key}, []string{team}, []string{priority}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			_, known := caller.ParsePriority(priority)
			switch {
			case w.Code == http.StatusBadRequest && !known && got == nil:
			case w.Code == http.StatusOK && known && got != nil && len(got.Tenant) <= 64 && got.HeaderValue("x-team") == team:
			default:
				t.Errorf("%s: %d for %q, %q, %q: %+v", by, w.Code, key, team, priority, got)
			}
		}
	})
}
