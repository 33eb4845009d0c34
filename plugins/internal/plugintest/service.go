package plugintest

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
)

// Received is a request that a fake service got.
type Received struct {
	*http.Request
	Body string
}

// Line is the request's method, path and query.
func (r Received) Line() string { return r.Method + " " + r.URL.RequestURI() }

// Service is a fake of a service on loopback.
type Service struct {
	URL      string
	Requests chan Received
}

// NewService starts a fake that records each request, gives it to look, if that
// is not nil, and answers with h.
func NewService(t testing.TB, h http.HandlerFunc, look func(r *http.Request, body []byte)) *Service {
	t.Helper()
	s := &Service{Requests: make(chan Received, 256)}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body) // only then does the server notice that the caller left
		if err != nil {
			return
		}
		s.Requests <- Received{r, string(body)}
		if look != nil {
			look(r, body)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		h(w, r)
	}))
	t.Cleanup(server.Close)
	s.URL = server.URL
	return s
}

// Serve starts a fake that answers everything with h, and returns its address.
func Serve(t testing.TB, h http.HandlerFunc) string {
	t.Helper()
	return NewService(t, h, nil).URL
}

// Write sends a body with its type and flushes it.
func Write(w http.ResponseWriter, status int, contentType, body string) {
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)            // a failure is seen by the reader
	_ = http.NewResponseController(w).Flush() // as above
}

// WriteParts sends a stream, each part flushed.
func WriteParts(w http.ResponseWriter, contentType string, parts ...string) {
	w.Header().Set("Content-Type", contentType)
	for _, part := range parts {
		_, _ = io.WriteString(w, part)            // a failure is seen by the reader
		_ = http.NewResponseController(w).Flush() // as above
	}
}

// Testdata returns a file of the test's folder testdata.
func Testdata(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return data
}
