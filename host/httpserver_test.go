package host_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestTheDataPlaneIsTheSameOverBothServers: a call, a stream, and a caller who
// leaves, which the service must hear of.
func TestTheDataPlaneIsTheSameOverBothServers(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"lean", "standard"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			entered, left := make(chan struct{}), make(chan struct{})
			url := fakeService(t, func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				switch {
				case strings.Contains(string(body), "wait"):
					close(entered)
					<-r.Context().Done()
					close(left)
				case strings.Contains(string(body), `"stream":true`):
					w.Header().Set("Content-Type", "text/event-stream")
					_, _ = io.WriteString(w, `data: {"choices":[{"index":0,"delta":{"content":"hello"},"finish_reason":"stop"}]}`+"\n\ndata: [DONE]\n\n")
				default:
					_, _ = io.WriteString(w, `{"choices":[{"message":{"role":"assistant","content":"hello"},"finish_reason":"stop"}]}`)
				}
			})
			h := start(t, `server { http_server = "`+kind+`" }`+openaiConfig(url), "OPENAI_API_KEY", "k")
			api := "http://" + h.Addr() + "/v1/chat/completions"
			for body, want := range map[string]string{"": `"content":"hello"`, `"stream":true,`: "data: [DONE]"} {
				if got := postOver(t.Context(), t, api, `{"model":"openai",`+body+`"messages":[{"role":"user","content":"hi"}]}`); !strings.Contains(got, want) {
					t.Errorf("got %s, want %s", got, want)
				}
			}
			ctx, leave := context.WithCancel(t.Context())
			go func() {
				<-entered
				leave()
			}()
			if got := postOver(ctx, t, api, `{"model":"openai","messages":[{"role":"user","content":"wait"}]}`); got != "" {
				t.Errorf("got %s", got)
			}
			select {
			case <-left:
			case <-time.After(20 * time.Second):
				t.Error("the service did not hear that the caller left")
			}
		})
	}
}

// postOver returns the answer, "" if ctx ended first.
func postOver(ctx context.Context, t *testing.T, url, body string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		if ctx.Err() == nil {
			t.Fatal(err)
		}
		return ""
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Error(err)
	}
	return string(text)
}
