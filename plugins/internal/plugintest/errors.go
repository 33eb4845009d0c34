package plugintest

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/sdk/client"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// errorCase is one documented failure of a service, a row of testdata/errors.json.
type errorCase struct {
	Name    string            `json:"name"`
	Status  int               `json:"status"`
	Headers map[string]string `json:"headers"`
	// Body is sent as it is; a JSON string is sent as text.
	Body json.RawMessage `json:"body"`
	Want struct {
		Code       provider.Code `json:"code"`
		Type       string        `json:"type"`
		Upstream   string        `json:"upstream_code"`
		Param      string        `json:"param"`
		Message    string        `json:"message"`
		RetryAfter string        `json:"retry_after"`
		RequestID  string        `json:"request_id"`
	} `json:"want"`
}

// CheckErrors answers a request with each failure in testdata/errors.json and
// compares what the caller gets, in calls and in streams.
func CheckErrors(t *testing.T, open func(t testing.TB, url string) *client.Conn, operation, body string) {
	t.Helper()
	checkErrors(t, open, operation, body, true)
}

// CheckCallErrors is [CheckErrors] for operations without a stream.
func CheckCallErrors(t *testing.T, open func(t testing.TB, url string) *client.Conn, operation, body string) {
	t.Helper()
	checkErrors(t, open, operation, body, false)
}

func checkErrors(t *testing.T, open func(t testing.TB, url string) *client.Conn, operation, body string, streams bool) {
	t.Helper()
	var cases []errorCase
	if err := json.Unmarshal(Testdata(t, "errors.json"), &cases); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			conn := open(t, Serve(t, c.answer))
			_, err := conn.Call(t.Context(), Request(operation, body))
			c.check(t, err)
			if streams {
				_, err = Stream(t, conn, Request(operation, body))
				c.check(t, err)
			}
		})
	}
}

func (c errorCase) answer(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	body := string(c.Body)
	var text string
	if json.Unmarshal(c.Body, &text) == nil {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		body = text
	}
	for name, value := range c.Headers {
		w.Header().Set(name, value)
	}
	w.WriteHeader(c.Status)
	_, _ = io.WriteString(w, body) // a failure is seen by the reader
}

func (c errorCase) check(t *testing.T, err error) {
	t.Helper()
	e := WantError(t, err, c.Want.Code)
	var wait time.Duration
	if c.Want.RetryAfter != "" {
		wait, err = time.ParseDuration(c.Want.RetryAfter)
		if err != nil {
			t.Fatal(err)
		}
	}
	if e.StatusCode != c.Status || e.Source != provider.SourceUpstream || e.RetryAfter != wait {
		t.Errorf("got %+v", e)
	}
	for _, pair := range [][2]string{
		{e.Type, c.Want.Type}, {e.UpstreamCode, c.Want.Upstream}, {e.Param, c.Want.Param}, {e.RequestID, c.Want.RequestID},
	} {
		if pair[0] != pair[1] {
			t.Errorf("got %q, want %q", pair[0], pair[1])
		}
	}
	if !strings.Contains(e.Message, c.Want.Message) || e.Message == "" {
		t.Errorf("got the message %q, want %q in it", e.Message, c.Want.Message)
	}
}
