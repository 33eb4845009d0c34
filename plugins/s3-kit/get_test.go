package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/plugins/internal/plugintest"
	"github.com/backplane-dev/backplane/sdk/provider"
)

func TestObjectsComeBackAsTheyWereStored(t *testing.T) {
	t.Parallel()
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, _ = w.Write([]byte("hello")) // into memory
	_ = w.Close()                   // as above
	_, conn := withStore(t)
	mustUpload(t, conn, `{"bucket":"photos","key":"z","content_encoding":"gzip","content_type":"text/x","metadata":{"Owner":"me"}}`, packed.String())
	text, resp, err := download(t, conn, `{"bucket":"photos","key":"z"}`)
	if err != nil || text != packed.String() || resp.ContentType != "text/x" || resp.Length != int64(packed.Len()) {
		t.Errorf("got %q, %+v, %v", text, resp, err)
	}
	if h := resp.Header; h["content-encoding"] != "gzip" || h["x-amz-meta-owner"] != "me" || h["etag"] == "" || resp.Status != 200 {
		t.Errorf("got %v", h)
	}
	text, resp, err = download(t, conn, `{"bucket":"photos","key":"z","range":"bytes=1-3"}`)
	if err != nil || text != packed.String()[1:4] || resp.Status != 206 || resp.Header["content-range"] == "" {
		t.Errorf("got %q, %+v, %v", text, resp, err)
	}
}

func TestObjectsThatArriveDamagedAreErrors(t *testing.T) {
	t.Parallel()
	sum := sha256.Sum256([]byte("hello"))
	for name, tt := range map[string]struct {
		sum, length, body string
		fails             bool
	}{
		"as stored":      {base64.StdEncoding.EncodeToString(sum[:]), "5", "hello", false},
		"of parts":       {base64.StdEncoding.EncodeToString(sum[:]) + "-2", "5", "other", false},
		"another object": {base64.StdEncoding.EncodeToString(sum[:]), "5", "jello", true},
		"cut off":        {"", "9", "hello", true},
	} {
		conn := open(t, plugintest.Serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Amz-Checksum-Sha256", tt.sum)
			w.Header().Set("Content-Length", tt.length)
			_, _ = io.WriteString(w, tt.body) // a failure is seen by the reader
		}))
		_, _, err := download(t, conn, thing)
		if !tt.fails && err != nil {
			t.Errorf("%s: %v", name, err)
		} else if tt.fails {
			plugintest.WantError(t, err, provider.CodeProtocol)
		}
	}
}

func TestACallerWhoLeavesEndsTheDownload(t *testing.T) {
	t.Parallel()
	gone := make(chan struct{})
	conn := open(t, plugintest.Serve(t, func(w http.ResponseWriter, r *http.Request) {
		plugintest.WriteParts(w, "text/plain", "first")
		<-r.Context().Done()
		close(gone)
	}))
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	resp, err := conn.Transfer(ctx, &provider.TransferRequest{Request: *plugintest.Request(opGet, thing)})
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.ReadFull(resp.Body, make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	leave()
	select {
	case <-gone:
	case <-time.After(time.Second):
		t.Error("the connection is still open a second after the caller left")
	}
}

func TestHeadersOfRequests(t *testing.T) {
	t.Parallel()
	got := make(chan *http.Request, 10)
	url := plugintest.Serve(t, func(_ http.ResponseWriter, r *http.Request) { got <- r })
	conn := open(t, url, plugintest.Settings{"session_token": "a-token", "region": "eu-west-1"})
	_, _, err := download(t, conn, `{"bucket":"photos","key":"k","version_id":"v 1","if_match":"\"t\"","if_modified_since":"Mon, 23 Nov 2026 07:06:04 GMT"}`)
	if err != nil {
		t.Fatal(err)
	}
	r := <-got
	if r.URL.RawQuery != "versionId=v%201" || r.Header.Get("If-Match") != `"t"` || r.Header.Get("If-Modified-Since") == "" || r.Header.Get("X-Amz-Security-Token") != "a-token" {
		t.Errorf("got %s %v", r.URL, r.Header)
	}
	if signed := r.Header.Get("Authorization"); !strings.Contains(signed, "/eu-west-1/s3/aws4_request") || !strings.Contains(signed, "x-amz-security-token") {
		t.Errorf("got %s", signed)
	}
}
