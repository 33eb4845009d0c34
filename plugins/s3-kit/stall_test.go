package main

import (
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/plugins/internal/plugintest"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// stalling is an upload whose sender falls silent after n bytes, until the test
// ends.
type stalling struct {
	n     int
	ended <-chan struct{}
}

func (s *stalling) Read(p []byte) (int, error) {
	if s.n == 0 {
		<-s.ended
		return 0, io.ErrClosedPipe
	}
	n := min(s.n, len(p))
	s.n -= n
	return n, nil
}

// A service that refuses an upload does not wait for its end; nor must the
// caller, whose sender may wait for something itself.
func TestAnUploadThatIsRefusedEndsThoughItsSenderStalls(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		sent   int
		length int64
		reads  bool // the service takes what is sent before it answers
		part   bool // it refuses the first part, not the beginning
	}{
		"one request, refused at once":           {0, 100, false, false},
		"one request, refused in the middle":     {60, 100, true, false},
		"one large request":                      {1 << 20, 6 << 20, true, false},
		"the first part":                         {1 << 20, 16 << 20, false, true},
		"the first part, in the middle":          {1 << 20, 16 << 20, true, true},
		"the beginning of an upload in parts":    {0, 16 << 20, false, false},
		"unknown length, the first part is full": {5 << 20, -1, false, true},
		"unknown length, the beginning":          {5 << 20, -1, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := service(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Connection", "close") // else this server waits for the upload before it answers
				switch {
				case r.URL.Query().Has("uploads") && tt.part:
					answer(w, "<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>")
					return
				case r.Method == http.MethodDelete:
					w.WriteHeader(http.StatusNoContent)
					return
				case tt.reads:
					_, _ = io.ReadFull(r.Body, make([]byte, tt.sent)) // the rest does not come
				}
				refuse(w, 503, "SlowDown", "Please reduce your request rate.")
			})
			err := stalledUpload(t, url, tt.sent, tt.length)
			if e := plugintest.WantError(t, err, provider.CodeRateLimit); e.UpstreamCode != "SlowDown" {
				t.Errorf("got %+v", e)
			}
		})
	}
}

// The same over HTTP/2, which MinIO speaks wherever there is TLS.
func TestAStalledUploadIsRefusedOverHTTP2Too(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 2 {
			t.Errorf("spoken is %s", r.Proto)
		}
		refuse(w, 503, "SlowDown", "Please reduce your request rate.")
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	err := stalledUpload(t, server.URL, 10, 100, plugintest.Settings{"ca_certificates": string(authority)})
	plugintest.WantError(t, err, provider.CodeRateLimit)
}

func TestAServiceThatHangsUpEndsAStalledUpload(t *testing.T) {
	t.Parallel()
	url := service(t, func(w http.ResponseWriter, _ *http.Request) {
		c, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_ = c.Close() // that is all there is to see
	})
	plugintest.WantError(t, stalledUpload(t, url, 10, 100), provider.CodeUnreachable)
}

func TestASuccessBeforeTheUploadsEndIsNone(t *testing.T) {
	t.Parallel()
	url := service(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "close")
		w.Header().Set("ETag", `"t"`)
	})
	plugintest.WantError(t, stalledUpload(t, url, 10, 100), provider.CodeProtocol)
}

// service starts a fake that looks at uploads itself.
func service(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL
}

// stalledUpload returns why an upload ended whose sender stalls.
func stalledUpload(t *testing.T, url string, sent int, length int64, more ...plugintest.Settings) error {
	t.Helper()
	conn := open(t, url, append(more, plugintest.Settings{"part_size": "5MiB", "multipart_threshold": "6MiB"})...)
	ended := make(chan error, 1)
	go func() {
		_, err := upload(t, conn, thing, &stalling{sent, t.Context().Done()}, length)
		ended <- err
	}()
	select {
	case err := <-ended:
		return err
	case <-time.After(5 * time.Second):
		t.Fatal("the upload has not ended five seconds after it was answered")
		return nil
	}
}
