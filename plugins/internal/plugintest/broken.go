package plugintest

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/sdk/client"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// Broken is a stream that does not end well.
type Broken struct {
	ContentType string
	Parts       []string
	Code        provider.Code
}

// CheckBroken answers a stream with each broken one; then the connection ends.
// Whatever arrived before, the caller must get an error of the class.
func CheckBroken(t *testing.T, open func(t testing.TB, url string) *client.Conn, operation, body string, cases map[string]Broken) {
	t.Helper()
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := open(t, Serve(t, func(w http.ResponseWriter, _ *http.Request) {
				WriteParts(w, c.ContentType, c.Parts...)
			}))
			_, err := Stream(t, conn, Request(operation, body))
			if e := WantError(t, err, c.Code); e.Source != provider.SourceUpstream || e.Message == "" {
				t.Errorf("got %+v", e)
			}
		})
	}
}

// CheckCancel lets the caller leave a stream after its first chunk, and a call
// before its answer: the connection to the service must be closed within a
// second.
func CheckCancel(t *testing.T, open func(t testing.TB, url string) *client.Conn, operation, body, contentType, first string) {
	t.Helper()
	for _, mode := range []string{"stream", "call"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			arrived, gone := make(chan struct{}), make(chan struct{})
			conn := open(t, Serve(t, func(w http.ResponseWriter, r *http.Request) {
				if mode == "stream" {
					WriteParts(w, contentType, first)
				} else {
					close(arrived)
				}
				<-r.Context().Done()
				close(gone)
			}))
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			ended := make(chan error, 1)
			go func() {
				if mode == "call" {
					_, err := conn.Call(ctx, Request(operation, body))
					ended <- err
					return
				}
				_, err := StreamUntil(ctx, conn, Request(operation, body), func(ev provider.Event) {
					if ev.Kind == provider.EventData {
						close(arrived)
					}
				})
				ended <- err
			}()
			<-arrived
			leave()
			if e := provider.AsError(<-ended); e == nil || e.Code != provider.CodeCanceled {
				t.Errorf("the call ended with %v", e)
			}
			select {
			case <-gone:
			case <-time.After(time.Second):
				t.Error("the connection is still open a second after the caller left")
			}
		})
	}
}

// BrokenChat are the broken streams of a service in OpenAI's dialect.
var BrokenChat = map[string]Broken{
	"cut after a chunk":      {"text/event-stream", []string{chunk}, provider.CodeProtocol},
	"cut inside a chunk":     {"text/event-stream", []string{chunk, chunk[:20]}, provider.CodeProtocol},
	"nothing":                {"text/event-stream", nil, provider.CodeProtocol},
	"an end alone":           {"text/event-stream", []string{"data: [DONE]\n\n"}, provider.CodeProtocol},
	"no JSON":                {"text/event-stream", []string{chunk, "data: <oops>\n\n"}, provider.CodeProtocol},
	"a page":                 {"text/html", []string{"<h1>Bad gateway</h1>"}, provider.CodeProtocol},
	"an error in mid-stream": {"text/event-stream", []string{chunk, "data: {\"error\":{\"message\":\"out of memory\",\"type\":\"server_error\"}}\n\n"}, provider.CodeUpstream},
	"an error at once":       {"text/event-stream", []string{"data: {\"error\":{\"message\":\"slow down\",\"type\":\"rate_limit_error\"}}\n\n"}, provider.CodeRateLimit},
}

const chunk = "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"},\"finish_reason\":null}]}\n\n"

// FirstChunk is the first event of a chat stream in OpenAI's dialect.
const FirstChunk = chunk
