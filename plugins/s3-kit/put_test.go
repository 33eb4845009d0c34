package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/plugins/internal/plugintest"
	"github.com/backplane-dev/backplane/sdk/client"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// withStore opens an endpoint of a fake service.
func withStore(t *testing.T, more ...plugintest.Settings) (*store, *client.Conn) {
	t.Helper()
	s := newStore()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return s, open(t, server.URL, append(more, plugintest.Settings{"part_size": "5MiB", "multipart_threshold": "6MiB"})...)
}

const thing = `{"bucket":"photos","key":"thing"}`

func TestUploadsBecomeOneRequestOrParts(t *testing.T) {
	t.Parallel()
	data := bytes.Repeat([]byte("0123456789abcdef"), 11<<20/16)
	for name, tt := range map[string]struct {
		size, length int
		requests     string
	}{
		"nothing":               {0, 0, "PUT"},
		"small":                 {5, 5, "PUT"},
		"small, unknown length": {5, -1, "PUT"},
		"nothing, unknown":      {0, -1, "PUT"},
		"large":                 {11 << 20, 11 << 20, "POST PUT PUT PUT POST"},
		"large, unknown length": {11 << 20, -1, "POST PUT PUT PUT POST"},
		"whole parts, unknown":  {10 << 20, -1, "POST PUT PUT POST"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, conn := withStore(t)
			put, err := upload(t, conn, thing, bytes.NewReader(data[:tt.size]), int64(tt.length))
			if err != nil || put.Size != int64(tt.size) || put.ETag == "" {
				t.Fatalf("got %+v, %v", put, err)
			}
			var methods []string
			for _, line := range s.lines() {
				method, _, _ := strings.Cut(line, " ")
				methods = append(methods, method)
			}
			if got := strings.Join(methods, " "); got != tt.requests {
				t.Errorf("the service got %s, want %s", got, tt.requests)
			}
			if text, _, err := download(t, conn, thing); err != nil || text != string(data[:tt.size]) {
				t.Errorf("%d bytes came back, %v", len(text), err)
			}
		})
	}
}

// breaking is an upload that breaks off after n bytes.
type breaking struct{ n int }

func (b *breaking) Read(p []byte) (int, error) {
	if b.n == 0 {
		return 0, errors.New("the caller's disk is gone")
	}
	n := min(b.n, len(p))
	b.n -= n
	return n, nil
}

func TestUploadsThatBreakOffLeaveNothing(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		data   io.Reader
		length int64
	}{
		"small":                  {&breaking{100}, 200},
		"small, unknown length":  {&breaking{100}, -1},
		"parts":                  {&breaking{8 << 20}, 16 << 20},
		"parts, unknown length":  {&breaking{8 << 20}, -1},
		"shorter than announced": {strings.NewReader("hello"), 6},
		"longer than announced":  {strings.NewReader("hello"), 4},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, conn := withStore(t)
			if put, err := upload(t, conn, thing, tt.data, tt.length); err == nil {
				t.Fatalf("got %+v", put)
			}
			deadline := time.Now().Add(5 * time.Second)
			for { // what the caller sees does not wait for the tidying up
				s.mu.Lock()
				objects, uploads := len(s.objects), len(s.uploads)
				s.mu.Unlock()
				if objects != 0 {
					t.Fatal("half an object was stored")
				}
				if uploads == 0 {
					return
				}
				if time.Now().After(deadline) {
					t.Fatalf("%d uploads were not aborted", uploads)
				}
				time.Sleep(10 * time.Millisecond)
			}
		})
	}
}

func TestAnUploadOfAnotherChecksumIsNotStored(t *testing.T) {
	t.Parallel()
	for length, field := range map[int64]string{5: `"checksum_crc32":"AAAAAA=="`, -1: `"checksum_sha256":"` + strings.Repeat("A", 43) + `="`} {
		s, conn := withStore(t)
		_, err := upload(t, conn, `{"bucket":"photos","key":"thing",`+field+`}`, strings.NewReader("hello"), length)
		if e := plugintest.WantError(t, err, provider.CodeInvalidRequest); !strings.Contains(field, e.Param) || e.Param == "" {
			t.Errorf("got %+v", e)
		}
		if len(s.objects) != 0 {
			t.Error("it was stored")
		}
	}
}

func TestACallerWhoLeavesAbortsTheUpload(t *testing.T) {
	t.Parallel()
	s, conn := withStore(t)
	ctx, leave := context.WithCancel(t.Context())
	reader, writer := io.Pipe()
	go func() {
		_, _ = writer.Write(make([]byte, 6<<20)) // ends when the reader closes
		for len(s.lines()) < 2 {                 // until there is a part
			time.Sleep(time.Millisecond)
		}
		leave()
	}()
	_, err := conn.Transfer(ctx, &provider.TransferRequest{Request: *plugintest.Request(opPut, thing), Data: reader, DataLength: -1})
	plugintest.WantError(t, err, provider.CodeCanceled)
	_ = reader.Close() // ends the goroutine
	for range 500 {
		lines := s.lines()
		if len(lines) > 0 && strings.HasPrefix(lines[len(lines)-1], "DELETE") {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("the service got %v", s.lines())
}

func TestFailuresHiddenInASuccessAreFound(t *testing.T) {
	t.Parallel()
	fail := errorXML("InternalError", "We encountered an internal error.")
	url := plugintest.Serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Query().Has("uploads"):
			answer(w, "<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>")
		case r.URL.Query().Has("partNumber"):
			w.Header().Set("ETag", `"t"`)
		case r.Method != http.MethodDelete:
			_, _ = io.WriteString(w, "\n \n"+fail) // a failure is seen by the reader
		}
	})
	conn := open(t, url, plugintest.Settings{"part_size": "5MiB", "multipart_threshold": "6MiB"})
	_, err := upload(t, conn, thing, bytes.NewReader(make([]byte, 7<<20)), 7<<20)
	if e := plugintest.WantError(t, err, provider.CodeUpstream); e.UpstreamCode != "InternalError" {
		t.Errorf("got %+v", e)
	}
	_, err = conn.Call(t.Context(), plugintest.Request(opCopy, `{"bucket":"photos","key":"a","source_key":"b"}`))
	plugintest.WantError(t, err, provider.CodeUpstream)
}
