package plugintest

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Transcript is one exchange with a real server, recorded off the socket.
type Transcript struct {
	Name    string `json:"name"`
	Request struct {
		Method string          `json:"method"`
		Path   string          `json:"path"`
		Body   json.RawMessage `json:"body"`
	} `json:"request"`
	Response struct {
		Status  int               `json:"status"`
		Headers map[string]string `json:"headers"`
		Chunks  []struct {
			Data string `json:"data"`
		} `json:"chunks"`
		Aborted bool `json:"aborted_by_client"`
	} `json:"response"`
}

// Transcripts loads recorded exchanges that lie beside the repository, and skips
// the test where they do not.
func Transcripts(t *testing.T, name string) []Transcript {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "..", "shared", "transcripts", name))
	if err != nil {
		t.Skip("the recorded answers are not beside the repository")
	}
	var all []Transcript
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// Replay answers as was recorded, with the same boundaries between the parts.
func (tr Transcript) Replay(w http.ResponseWriter, _ *http.Request) {
	for name, value := range tr.Response.Headers {
		switch strings.ToLower(name) {
		case "connection", "transfer-encoding", "content-length", "date": // this connection's own
		default:
			w.Header().Set(name, value)
		}
	}
	w.WriteHeader(tr.Response.Status)
	for _, c := range tr.Response.Chunks {
		if _, err := w.Write([]byte(c.Data)); err != nil {
			return
		}
		_ = http.NewResponseController(w).Flush() // a failure is seen by the reader
	}
}

// Answer returns all that was sent.
func (tr Transcript) Answer() string {
	var all strings.Builder
	for _, c := range tr.Response.Chunks {
		all.WriteString(c.Data)
	}
	return all.String()
}

// Body returns the recorded request's JSON object, "{}" if it was none.
func (tr Transcript) Body() string {
	if body := string(tr.Request.Body); strings.HasPrefix(body, "{") && json.Valid(tr.Request.Body) {
		return body
	}
	return "{}"
}
