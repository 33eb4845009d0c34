package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/plugins/internal/plugintest"
	"github.com/backplane-dev/backplane/sdk/client"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// peer starts versitygw, an S3 server that checks signatures, if it is installed
// or where scripts/test builds it.
func peer(t *testing.T) string {
	t.Helper()
	binary, err := exec.LookPath("versitygw")
	if err != nil {
		binary, err = exec.LookPath(filepath.Join("..", "..", "bin", "tools", "versitygw"))
	}
	if err != nil {
		t.Skip("versitygw is not there; scripts/test builds it")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), binary, "--access", testKey, "--secret", testSecret, "--port", address,
		"--region", "us-east-1", "--quiet", "posix", "--sidecar", t.TempDir(), t.TempDir())
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }) // it has no state worth an orderly end
	for range 100 {
		if c, err := net.Dial("tcp", address); err == nil {
			_ = c.Close() // only asked whether it is there
			return "http://" + address
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("versitygw does not listen")
	return ""
}

func TestARealServerTakesWhatTheProviderSends(t *testing.T) {
	url := peer(t)
	conn := open(t, url, plugintest.Settings{"part_size": "5MiB", "multipart_threshold": "6MiB"})
	call[bucketAnswer](t, conn, opBucketCreate, `{"bucket":"photos"}`)
	t.Run("objects", func(t *testing.T) { realObjects(t, conn) })
	t.Run("uploads", func(t *testing.T) { realUploads(t, conn) })
	t.Run("lists", func(t *testing.T) { realLists(t, conn) })
	t.Run("presigned", func(t *testing.T) { realPresigned(t, conn) })
	t.Run("refusals", func(t *testing.T) { realRefusals(t, url, conn) })
}

const oddKey = `odd/ä b+c&d=e?f#g%h'(i)*~!.txt`

func realObjects(t *testing.T, conn *client.Conn) {
	put := mustUpload(t, conn, fmt.Sprintf(`{"bucket":"photos","key":%q,"metadata":{"Owner":"me  too"},"cache_control":"max-age=1"}`, oddKey), "hello")
	if put.Size != 5 || put.ETag != `"5d41402abc4b2a76b9719d911017c592"` {
		t.Errorf("put says %+v", put)
	}
	name := fmt.Sprintf(`"bucket":"photos","key":%q`, oddKey)
	got, _ := mustHead(t, conn, `{`+name+`}`)
	if got.Size != 5 || got.ContentType != "text/plain" || got.Metadata["owner"] != "me  too" && got.Metadata["owner"] != "me too" || got.CacheControl != "max-age=1" {
		t.Errorf("head says %+v", got)
	}
	for params, want := range map[string]string{`{` + name + `}`: "hello", `{` + name + `,"range":"bytes=1-3"}`: "ell"} {
		if text, resp, err := download(t, conn, params); err != nil || text != want || resp.ContentType != "text/plain" {
			t.Errorf("get %s: %q, %v", params, text, err)
		}
	}
	call[map[string]any](t, conn, opCopy, fmt.Sprintf(`{"bucket":"photos","key":"copy","source_key":%q}`, oddKey))
	if text, _, err := download(t, conn, `{"bucket":"photos","key":"copy"}`); err != nil || text != "hello" {
		t.Errorf("the copy is %q, %v", text, err)
	}
	call[map[string]any](t, conn, opDelete, `{"bucket":"photos","key":"copy"}`)
	_, err := conn.Call(t.Context(), plugintest.Request(opHead, `{"bucket":"photos","key":"copy"}`))
	plugintest.WantError(t, err, provider.CodeNotFound)
}

func mustHead(t *testing.T, conn *client.Conn, params string) (facts, *provider.Response) {
	t.Helper()
	return call[facts](t, conn, opHead, params)
}

func realUploads(t *testing.T, conn *client.Conn) {
	random := make([]byte, 12<<20)
	for i := range random {
		random[i] = byte(rand.Uint32())
	}
	sum := sha256.Sum256(random)
	checked := `,"checksum_sha256":"` + base64.StdEncoding.EncodeToString(sum[:]) + `"`
	for name, tt := range map[string]struct {
		size   int
		hidden bool
		more   string
		parts  int
	}{
		"empty": {0, false, "", 0}, "small": {100, false, "", 0}, "small-hidden": {100, true, "", 0}, "empty-hidden": {0, true, "", 0},
		"parts": {12 << 20, false, "", 3}, "hidden": {12 << 20, true, "", 3}, "even": {10 << 20, true, "", 2},
		"checked": {12 << 20, false, checked, 0}, "checked-hidden": {12 << 20, true, checked, 3},
	} {
		length := int64(tt.size)
		if tt.hidden {
			length = -1
		}
		params := `{"bucket":"photos","key":"` + name + `"`
		put, err := upload(t, conn, params+tt.more+`}`, bytes.NewReader(random[:tt.size]), length)
		if err != nil || put.Parts != tt.parts || put.Size != int64(tt.size) {
			t.Errorf("%s: %+v, %v", name, put, err)
			continue
		}
		if data, _, err := download(t, conn, params+`}`); err != nil || data != string(random[:tt.size]) {
			t.Errorf("%s: got %d bytes, %v", name, len(data), err)
		}
	}
	_, err := upload(t, conn, `{"bucket":"photos","key":"wrong"`+checked+`}`, strings.NewReader("hello"), 5)
	if e := plugintest.WantError(t, err, provider.CodeInvalidRequest); e.Param != "checksum_sha256" {
		t.Errorf("got %+v", e)
	}
}

func realLists(t *testing.T, conn *client.Conn) {
	for i := range 5 {
		mustUpload(t, conn, fmt.Sprintf(`{"bucket":"photos","key":"list/%d"}`, i), "x")
	}
	var keys []string
	token := ""
	for pages := 0; pages < 10; pages++ {
		got, _ := call[listed](t, conn, opList, `{"bucket":"photos","prefix":"list/","max_keys":"2"`+token+`}`)
		for _, o := range got.Objects {
			keys = append(keys, o.Key)
		}
		if !got.Truncated {
			break
		}
		token = fmt.Sprintf(`,"continuation_token":%q`, got.Next)
	}
	if got := strings.Join(keys, " "); got != "list/0 list/1 list/2 list/3 list/4" {
		t.Errorf("got %s", got)
	}
	got, _ := call[listed](t, conn, opList, `{"bucket":"photos","delimiter":"/"}`)
	if fmt.Sprint(got.Prefixes) != "[list/ odd/]" {
		t.Errorf("the prefixes are %v", got.Prefixes)
	}
	odd, _ := call[listed](t, conn, opList, `{"bucket":"photos","prefix":"odd/"}`)
	if len(odd.Objects) != 1 || odd.Objects[0].Key != oddKey {
		t.Errorf("got %+v", odd)
	}
	buckets, _ := call[struct{ Buckets []struct{ Name string } }](t, conn, opBucketList, ``)
	if len(buckets.Buckets) != 1 || buckets.Buckets[0].Name != "photos" {
		t.Errorf("the buckets are %+v", buckets)
	}
}

func realPresigned(t *testing.T, conn *client.Conn) {
	type signed struct {
		URL, Method string
		Headers     map[string]string
	}
	for _, params := range []string{`"method":"PUT","content_type":"text/plain"`, `"method":"get","expires_in":60,"response_content_type":"text/x a"`, `"method":"HEAD"`} {
		got, _ := call[signed](t, conn, opPresign, fmt.Sprintf(`{"bucket":"photos","key":%q,%s}`, oddKey, params))
		req, err := http.NewRequestWithContext(t.Context(), got.Method, got.URL, strings.NewReader(strings.Repeat("again", len(got.Headers))))
		if err != nil {
			t.Fatal(err)
		}
		for name, value := range got.Headers {
			req.Header.Set(name, value)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode != 200 || got.Method == "GET" && string(body) != "again" {
			t.Errorf("%s: %d %s", got.Method, resp.StatusCode, body)
		}
	}
}

func realRefusals(t *testing.T, url string, conn *client.Conn) {
	other := open(t, url, plugintest.Settings{"secret_key": "another"})
	unsigned := plugintest.Open(t, New(), plugintest.Settings{"endpoint": url}, "")
	for _, tt := range []struct {
		conn            *client.Conn
		operation, body string
		code            provider.Code
		upstream        string
	}{
		{other, opList, `{"bucket":"photos"}`, provider.CodeAuth, "SignatureDoesNotMatch"},
		{unsigned, opList, `{"bucket":"photos"}`, provider.CodePermission, "AccessDenied"},
		{conn, opList, `{"bucket":"nobucket"}`, provider.CodeNotFound, "NoSuchBucket"},
		{conn, opBucketHead, `{"bucket":"nobucket"}`, provider.CodeNotFound, ""},
		{conn, opBucketDelete, `{"bucket":"photos"}`, provider.CodeConflict, "BucketNotEmpty"},
		{conn, opBucketCreate, `{"bucket":"photos"}`, provider.CodeConflict, "BucketAlreadyOwnedByYou"},
		{conn, opHead, `{"bucket":"photos","key":"small","if_none_match":"*"}`, provider.CodeConflict, "NotModified"},
		{conn, opHead, `{"bucket":"photos","key":"small","if_match":"\"x\""}`, provider.CodeConflict, "PreconditionFailed"},
	} {
		_, err := tt.conn.Call(t.Context(), plugintest.Request(tt.operation, tt.body))
		if e := plugintest.WantError(t, err, tt.code); e.UpstreamCode != tt.upstream || e.Source != provider.SourceUpstream {
			t.Errorf("%s %s: got %+v", tt.operation, tt.body, e)
		}
	}
	_, err := upload(t, conn, `{"bucket":"photos","key":"small","if_none_match":"*"}`, strings.NewReader("x"), 1)
	plugintest.WantError(t, err, provider.CodeConflict)
	_, _, err = download(t, conn, `{"bucket":"photos","key":"small","range":"bytes=100-200"}`)
	if e := plugintest.WantError(t, err, provider.CodeInvalidRequest); e.StatusCode != 416 || e.Param != "range" {
		t.Errorf("got %+v", e)
	}
	if err := conn.TestEndpoint(t.Context(), plugintest.Request("", "")); err != nil {
		t.Error(err)
	}
	if other.TestEndpoint(t.Context(), plugintest.Request("", "")) == nil {
		t.Error("a wrong secret passes the test")
	}
}
