package host_test

import (
	"bytes"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

func TestATranscriptionSurvivesAServiceThatFailsOnce(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	url := fakeService(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || !strings.Contains(string(body), "RIFF....") {
			t.Errorf("the service got %q, %v", body, err)
		}
		if asked.Add(1) == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, `{"text":"hello"}`)
	})
	h := start(t, openaiConfig(url), "OPENAI_API_KEY", "k")
	var form bytes.Buffer
	parts := multipart.NewWriter(&form)
	file, err := parts.CreateFormFile("file", "a.wav")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(file, "RIFF....")
	_ = parts.WriteField("model", "whisper-1")
	_ = parts.Close() // a buffer takes everything
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/audio/transcriptions", &form)
	r.Header.Set("Content-Type", parts.FormDataContentType())
	w := httptest.NewRecorder()
	h.Handler("").ServeHTTP(w, r)
	if w.Code != http.StatusOK || w.Header().Get("X-Backplane-Attempts") != "2" || !strings.Contains(w.Body.String(), "hello") {
		t.Errorf("got %d after %s attempts: %s", w.Code, w.Header().Get("X-Backplane-Attempts"), w.Body)
	}
}
