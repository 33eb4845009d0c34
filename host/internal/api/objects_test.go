package api_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/host/internal/api"
	"github.com/backplane-dev/backplane/sdk/provider"
)

const objectPath = "/v1/endpoints/fast/objects/photos/a/b%20c.txt"

// ask sends one request of any method to a handler without a socket.
func ask(h http.Handler, method, path, body string, header ...string) *httptest.ResponseRecorder {
	var from io.Reader
	if body != "" {
		from = strings.NewReader(body)
	}
	req := httptest.NewRequest(method, path, from)
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, req)
	return w
}

func TestAnObjectIsStoredWithWhatItsHeadersSay(t *testing.T) {
	t.Parallel()
	core, rec := answering(`{"etag":"x"}`)
	w := ask(api.New(core, api.Options{}), "PUT", objectPath+"?storage_class=COLD", "{not json", "Content-Type", "application/json",
		"Content-Encoding", "gzip", "X-Amz-Meta-Owner", "me", "If-None-Match", "*", "X-Amz-Checksum-Crc32", "AAAAAA==")
	if w.Code != 200 || w.Body.String() != `{"etag":"x"}` {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
	req, params := rec.request()
	const want = `{"bucket":"photos","checksum_crc32":"AAAAAA==","content_encoding":"gzip","content_type":"application/json",` +
		`"if_none_match":"*","key":"a/b c.txt","metadata":{"owner":"me"},"storage_class":"COLD"}`
	if req.Operation != "object.put" || req.Endpoint != "fast" || params != want {
		t.Errorf("the core got %s with %s, want %s", req.Operation, params, want)
	}
	if rec.data != "{not json" || rec.size != 9 {
		t.Errorf("the upload is %q of %d bytes", rec.data, rec.size)
	}
}

func TestUploadsOfObjectsThatWouldLoseSomethingAreRefused(t *testing.T) {
	t.Parallel()
	core, _ := answering("")
	for name, value := range map[string]string{"Content-Md5": "x", "Content-Range": "bytes 0-1/2", "Content-Encoding": "aws-chunked"} {
		w := ask(api.New(core, api.Options{}), "PUT", objectPath, "x", name, value)
		if w.Code != 400 || !strings.Contains(w.Body.String(), strings.ToLower(name)) {
			t.Errorf("%s: got %d %s", name, w.Code, w.Body)
		}
	}
}

func TestAnObjectIsReadWithRangeAndConditions(t *testing.T) {
	t.Parallel()
	var params string
	core := &fakeCore{transfer: func(_ context.Context, req *provider.TransferRequest) (*provider.TransferResponse, error) {
		params = req.Operation + " " + string(req.Body)
		head := provider.TransferHead{ContentType: "text/plain", Length: 2, Meta: provider.Meta{Status: 206, Header: map[string]string{
			"content-range": "bytes 0-1/5", "etag": `"t"`, "last-modified": "Mon, 23 Nov 2026 07:06:04 GMT", "x-amz-meta-owner": "me", "content-encoding": "br",
		}}}
		return &provider.TransferResponse{TransferHead: head, Body: io.NopCloser(strings.NewReader("he"))}, nil
	}}
	h := api.New(core, api.Options{})
	w := ask(h, "GET", objectPath+"?version_id=v1", "", "Range", "bytes=0-1", "If-Match", `"t"`)
	const want = `object.get {"bucket":"photos","if_match":"\"t\"","key":"a/b c.txt","range":"bytes=0-1","version_id":"v1"}`
	if w.Code != 206 || w.Body.String() != "he" || params != want {
		t.Errorf("got %d %q, the core got %s", w.Code, w.Body, params)
	}
	for name, want := range map[string]string{
		"Content-Range": "bytes 0-1/5", "Etag": `"t"`, "Last-Modified": "Mon, 23 Nov 2026 07:06:04 GMT", "X-Amz-Meta-Owner": "me",
		"Content-Encoding": "br", "Content-Type": "text/plain", "Content-Length": "2",
	} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	ask(h, "GET", objectPath, "", "Range", "bytes=0-1", "If-Range", `"t"`)
	if strings.Contains(params, "range") {
		t.Errorf("If-Range cannot be compared, yet the core got %s", params)
	}
}

func TestHeadOfAnObjectIsItsGetWithoutBytes(t *testing.T) {
	t.Parallel()
	core := &fakeCore{call: func(_ context.Context, req *provider.Request) (*provider.Response, error) {
		if req.Operation != "object.head" {
			t.Errorf("the operation is %s", req.Operation)
		}
		return &provider.Response{Body: []byte(`{"size":7,"content_type":"text/plain"}`), Meta: provider.Meta{Header: map[string]string{"etag": `"t"`}}}, nil
	}}
	w := ask(api.New(core, api.Options{}), "HEAD", objectPath, "")
	if h := w.Header(); w.Code != 200 || w.Body.Len() != 0 || h.Get("Content-Length") != "7" || h.Get("Content-Type") != "text/plain" || h.Get("Etag") != `"t"` {
		t.Errorf("got %d %v %q", w.Code, h, w.Body)
	}
}

func TestObjectsAreDeletedAndListed(t *testing.T) {
	t.Parallel()
	core, rec := answering(`{"objects":[]}`)
	h := api.New(core, api.Options{})
	for _, tt := range []struct {
		method, path, operation, params string
		code                            int
	}{
		{"DELETE", objectPath, "object.delete", `{"bucket":"photos","key":"a/b c.txt"}`, 204},
		{"GET", "/v1/endpoints/fast/objects/photos?prefix=a/&max_keys=5", "object.list", `{"bucket":"photos","max_keys":"5","prefix":"a/"}`, 200},
		{"GET", "/v1/endpoints/fast/objects/photos/", "object.list", `{"bucket":"photos"}`, 200},
	} {
		w := ask(h, tt.method, tt.path, "")
		if req, params := rec.request(); w.Code != tt.code || req.Operation != tt.operation || params != tt.params {
			t.Errorf("%s %s: got %d, the core got %s with %s", tt.method, tt.path, w.Code, req.Operation, params)
		}
	}
}

func TestFailuresOfObjectsHaveHTTPsOwnStatus(t *testing.T) {
	t.Parallel()
	for status, code := range map[int]provider.Code{
		304: provider.CodeConflict, 404: provider.CodeNotFound, 409: provider.CodeConflict, 412: provider.CodeConflict, 416: provider.CodeInvalidRequest,
		403: provider.CodePermission,
	} {
		failure := &provider.Error{Code: code, StatusCode: status, Source: provider.SourceUpstream, Message: "m"}
		core := &fakeCore{
			transfer: func(context.Context, *provider.TransferRequest) (*provider.TransferResponse, error) {
				return nil, failure
			},
			call: func(context.Context, *provider.Request) (*provider.Response, error) { return nil, failure },
		}
		h := api.New(core, api.Options{})
		for _, method := range []string{"GET", "HEAD", "PUT", "DELETE"} {
			w := ask(h, method, objectPath, "", "If-None-Match", `"t"`)
			if w.Code != status {
				t.Errorf("%s: got %d, want %d", method, w.Code, status)
			}
			if status == 304 && (w.Body.Len() != 0 || w.Header().Get("Etag") != `"t"`) {
				t.Errorf("304 has the body %q and the tag %q", w.Body, w.Header().Get("Etag"))
			}
		}
	}
}

func TestPathsOfObjectsSayWhichMethodsTheyHave(t *testing.T) {
	t.Parallel()
	core, _ := answering("")
	h := api.New(core, api.Options{})
	for _, tt := range []struct {
		method, path string
		code         int
		allow        string
	}{
		{"POST", objectPath, 405, "DELETE, GET, HEAD, OPTIONS, PUT"},
		{"PUT", "/v1/endpoints/fast/objects/photos", 405, "GET, HEAD, OPTIONS"},
		{"GET", "/v1/endpoints/fast/objects/", 404, ""},
		{"GET", "/v1/endpoints//objects/b/k", 404, ""},
	} {
		w := ask(h, tt.method, tt.path, "")
		if w.Code != tt.code || w.Header().Get("Allow") != tt.allow {
			t.Errorf("%s %s: got %d, Allow %q", tt.method, tt.path, w.Code, w.Header().Get("Allow"))
		}
	}
}
