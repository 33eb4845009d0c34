package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/plugins/internal/plugintest"
	"github.com/backplane-dev/backplane/sdk/client"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// recorded is an answer of a real S3 server, Versity's gateway.
type recorded struct {
	status int
	header http.Header
	body   string
}

// recordings loads the answers that lie beside the repository, by name, and
// skips the test where they do not.
func recordings(t *testing.T) map[string]recorded {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "..", "shared", "transcripts", "s3-versitygw-v1.8.0.http"))
	if err != nil {
		t.Skip("the recorded answers are not beside the repository")
	}
	all := map[string]recorded{}
	for _, section := range strings.Split("\n"+string(data), "\n### ")[1:] {
		name, answer, _ := strings.Cut(section, "\n")
		method := http.MethodGet
		if name == "HEAD" || strings.HasPrefix(name, "If-None") {
			method = http.MethodHead
		}
		resp, err := http.ReadResponse(bufio.NewReader(strings.NewReader(answer)), &http.Request{Method: method})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		all[strings.TrimSpace(name)] = recorded{resp.StatusCode, resp.Header, strings.TrimSuffix(string(body), "\n\n")}
	}
	return all
}

func (r recorded) serve(w http.ResponseWriter, _ *http.Request) {
	for name, values := range r.header {
		if name != "Connection" && name != "Date" {
			w.Header()[name] = values
		}
	}
	w.WriteHeader(r.status)
	_, _ = io.WriteString(w, r.body) // a failure is seen by the reader
}

func TestRecordedAnswersAreUnderstood(t *testing.T) {
	t.Parallel()
	all := recordings(t)
	for _, tt := range []struct {
		name, operation, body string
		want                  string        // in the answer
		code                  provider.Code // of the error
		upstream              string
	}{
		{"PUT /bucket1", opBucketCreate, `{"bucket":"bucket1"}`, `"bucket":"bucket1"`, "", ""},
		{"PUT /bucket1 again", opBucketCreate, `{"bucket":"bucket1"}`, "", provider.CodeConflict, "BucketAlreadyOwnedByYou"},
		{"PUT /bucket1/k1", opPut, thing, `"etag":"\"5d41402abc4b2a76b9719d911017c592\""`, "", ""},
		{"GET /bucket1/k1", opGet, thing, "hello", "", ""},
		{"GET /bucket1?list-type=2", opList, `{"bucket":"bucket1"}`, `"objects":[{"key":"k1","size":5,"etag":"\"5d41402abc4b2a76b9719d911017c592\"","last_modified":"2026-11-23T07:06:04Z","storage_class":"STANDARD"}]`, "", ""},
		{"GET missing key", opGet, thing, "", provider.CodeNotFound, "NoSuchKey"},
		{"GET missing bucket list", opList, `{"bucket":"nobucket1"}`, "", provider.CodeNotFound, "NoSuchBucket"},
		{"wrong secret", opGet, thing, "", provider.CodeAuth, "SignatureDoesNotMatch"},
		{"no signature", opGet, thing, "", provider.CodePermission, "AccessDenied"},
		{"DELETE nonempty bucket", opBucketDelete, `{"bucket":"bucket1"}`, "", provider.CodeConflict, "BucketNotEmpty"},
		{"GET range unsatisfiable", opGet, thing, "", provider.CodeInvalidRequest, "InvalidRange"},
		{"GET range 1-3", opGet, thing, "ell", "", ""},
		{"If-Match fails", opGet, thing, "", provider.CodeConflict, "PreconditionFailed"},
		{"If-None-Match same etag", opGet, thing, "", provider.CodeConflict, "NotModified"},
		{"HEAD", opHead, thing, `"size":5,"etag":"\"5d41402abc4b2a76b9719d911017c592\"","last_modified":"Mon, 23 Nov 2026 07:06:04 GMT"`, "", ""},
		{"PUT if-none-match *", opPut, thing, "", provider.CodeConflict, "PreconditionFailed"},
		{"invalid bucket name", opBucketCreate, `{"bucket":"B_1"}`, "", provider.CodeInvalidRequest, "InvalidBucketName"},
		{"DELETE key", opDelete, thing, `"deleted":true`, "", ""},
		{"DELETE bucket", opBucketDelete, `{"bucket":"bucket1"}`, `"deleted":true`, "", ""},
		{"GET / (list buckets)", opBucketList, `{}`, `{"owner":"ak","buckets":[]}`, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			answer, ok := all[tt.name]
			if !ok {
				t.Fatal("there is no such recording")
			}
			got, err := anyMode(t.Context(), open(t, plugintest.Serve(t, answer.serve)), tt.operation, tt.body)
			if tt.code == "" && (err != nil || !strings.Contains(got, tt.want)) {
				t.Errorf("got %s, %v, want %s", got, err, tt.want)
			} else if tt.code != "" {
				e := plugintest.WantError(t, err, tt.code)
				if e.UpstreamCode != tt.upstream || e.RequestID == "" || e.StatusCode != answer.status {
					t.Errorf("got %+v", e)
				}
			}
		})
	}
}

// anyMode calls an operation in the mode that it has.
func anyMode(ctx context.Context, conn *client.Conn, operation, body string) (string, error) {
	if operation != opPut && operation != opGet {
		resp, err := conn.Call(ctx, plugintest.Request(operation, body))
		if err != nil {
			return "", err
		}
		return string(resp.Body), nil
	}
	resp, err := conn.Transfer(ctx, &provider.TransferRequest{Request: *plugintest.Request(operation, body)})
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	return string(data), err
}
