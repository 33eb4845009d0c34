package rest

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
)

func TestClassifyBodySeesWhatTheServiceSent(t *testing.T) {
	t.Parallel()
	const body = `{"error":{"message":"wait","details":[{"retryDelay":"7s"}]}}`
	status := http.StatusTooManyRequests
	for name, ask := range map[string]func(*Client) error{
		"a failed answer": func(c *Client) error {
			_, err := c.Do(t.Context(), &Request{Path: "/"})
			return err
		},
		"an error with status 200": func(c *Client) error {
			resp, err := c.Do(t.Context(), &Request{Path: "/ok"})
			if err != nil {
				return err
			}
			_, err = resp.Events()
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", TypeJSON)
				if r.URL.Path != "/ok" {
					w.WriteHeader(status)
				}
				_, _ = io.WriteString(w, body)
			}, func(o *Options) {
				o.Classify = func(e *provider.Error) { e.Code = provider.CodeQuota }
				o.ClassifyBody = func(e *provider.Error, sent []byte) {
					if e.Code == provider.CodeQuota && strings.Contains(string(sent), `"retryDelay":"7s"`) {
						e.Code, e.RetryAfter = provider.CodeRateLimit, 7*time.Second
					}
				}
			})
			if e := wantError(t, ask(client), provider.CodeRateLimit); e.RetryAfter != 7*time.Second {
				t.Errorf("got %+v", e)
			}
		})
	}
}
