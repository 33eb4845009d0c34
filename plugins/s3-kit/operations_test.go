package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/plugins/internal/plugintest"
	"github.com/backplane-dev/backplane/sdk/provider"
)

func TestListsGoOnWhereTheyEnded(t *testing.T) {
	t.Parallel()
	s, conn := withStore(t)
	for i := range 5 {
		mustUpload(t, conn, fmt.Sprintf(`{"bucket":"photos","key":"list/ä %d"}`, i), "x")
	}
	mustUpload(t, conn, `{"bucket":"photos","key":"other"}`, "x")
	before := len(s.lines())
	var keys []string
	more := ""
	for range 5 {
		got, _ := call[listed](t, conn, opList, `{"bucket":"photos","prefix":"list/","max_keys":2`+more+`}`)
		for _, o := range got.Objects {
			keys = append(keys, fmt.Sprint(o.Key, " ", o.Size))
		}
		if got.Bucket != "photos" || got.Prefix != "list/" || got.Truncated != (got.Next != "") {
			t.Errorf("got %+v", got)
		}
		if !got.Truncated {
			break
		}
		more = fmt.Sprintf(`,"continuation_token":%q`, got.Next)
	}
	if got, want := strings.Join(keys, ", "), "list/ä 0 1, list/ä 1 1, list/ä 2 1, list/ä 3 1, list/ä 4 1"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	pages := s.lines()[before:]
	if len(pages) != 3 || !strings.Contains(pages[0], "list-type=2") || !strings.Contains(pages[0], "max-keys=2") || !strings.Contains(pages[0], "prefix=list%2F") ||
		strings.Contains(pages[0], "continuation-token") || !strings.Contains(pages[2], "continuation-token=") {
		t.Errorf("the service got %q", pages)
	}
	call[listed](t, conn, opList, `{"bucket":"photos","delimiter":"/","start_after":"k"}`)
	if last := s.lines()[len(s.lines())-1]; !strings.Contains(last, "delimiter=%2F") || !strings.Contains(last, "start-after=k") {
		t.Errorf("the service got %s", last)
	}
}

func TestObjectsAreCopiedDescribedAndDeleted(t *testing.T) {
	t.Parallel()
	s, conn := withStore(t)
	mustUpload(t, conn, `{"bucket":"photos","key":"a","metadata":{"owner":"me"}}`, "hello")
	got, resp := call[facts](t, conn, opHead, `{"bucket":"photos","key":"a"}`)
	if got.Size != 5 || got.ContentType != "text/plain" || got.Metadata["owner"] != "me" || got.ETag != tagOf([]byte("hello")) || resp.Status != http.StatusOK {
		t.Errorf("head says %+v", got)
	}
	call[map[string]any](t, conn, opCopy, `{"bucket":"photos","key":"b","source_key":"a"}`)
	if text, _, err := download(t, conn, `{"bucket":"photos","key":"b"}`); err != nil || text != "hello" {
		t.Errorf("the copy is %q, %v", text, err)
	}
	for _, key := range []string{"a", "b"} {
		gone, _ := call[struct{ Deleted bool }](t, conn, opDelete, `{"bucket":"photos","key":"`+key+`"}`)
		_, err := conn.Call(t.Context(), plugintest.Request(opHead, `{"bucket":"photos","key":"`+key+`"}`))
		plugintest.WantError(t, err, provider.CodeNotFound)
		if !gone.Deleted {
			t.Errorf("delete says %+v", gone)
		}
	}
	if len(s.objects) != 0 {
		t.Errorf("left are %v", s.objects)
	}
}

func TestBucketsAreMadeListedAndDeleted(t *testing.T) {
	t.Parallel()
	s, conn := withStore(t)
	made, _ := call[bucketAnswer](t, conn, opBucketCreate, `{"bucket":"photos","region":"eu-west-1"}`)
	head, _ := call[bucketAnswer](t, conn, opBucketHead, `{"bucket":"photos"}`)
	if made.Bucket != "photos" || head.Region != "eu-west-1" {
		t.Errorf("got %+v, %+v", made, head)
	}
	list, _ := call[struct {
		Buckets []struct {
			Name    string
			Created string `json:"created_at"`
		}
	}](t, conn, opBucketList, `{}`)
	if len(list.Buckets) != 1 || list.Buckets[0].Name != "photos" || list.Buckets[0].Created != "2026-11-23T07:06:04Z" {
		t.Errorf("got %+v", list)
	}
	call[struct{ Deleted bool }](t, conn, opBucketDelete, `{"bucket":"photos"}`)
	if err := conn.TestEndpoint(t.Context(), plugintest.Request("", "")); err != nil {
		t.Error(err)
	}
	if got, want := strings.Join(s.lines(), ", "), "PUT /photos, HEAD /photos, GET /, DELETE /photos, GET /"; got != want {
		t.Errorf("the service got %s, want %s", got, want)
	}
}

func TestThereIsNoChat(t *testing.T) {
	t.Parallel()
	s, conn := withStore(t)
	for _, op := range []string{provider.OpChat, provider.OpEmbeddings, provider.OpModels} {
		_, err := conn.Call(t.Context(), plugintest.Request(op, `{"messages":[{"role":"user","content":"hi"}]}`))
		if e := plugintest.WantError(t, err, provider.CodeUnsupported); !strings.Contains(e.Message, opGet) {
			t.Errorf("%s: the error does not say what there is: %v", op, e)
		}
	}
	_, err := plugintest.Stream(t, conn, plugintest.Request(provider.OpChat, `{}`))
	plugintest.WantError(t, err, provider.CodeUnsupported)
	if lines := s.lines(); len(lines) > 0 {
		t.Errorf("the service got %v", lines)
	}
}

func TestAnswersThatAreNotTheDocumentAreErrors(t *testing.T) {
	t.Parallel()
	for name, document := range map[string]string{
		"nothing": "", "a page": "<html><h1>Welcome</h1></html>", "half": "<ListBucketResult><Contents><Key>a</Key>", "another document": "<Other></Other>", "JSON": `{"objects":[]}`,
	} {
		conn := open(t, plugintest.Serve(t, func(w http.ResponseWriter, _ *http.Request) { answer(w, document) }))
		for op, body := range map[string]string{opList: `{"bucket":"photos"}`, opBucketList: `{}`, opCopy: `{"bucket":"photos","key":"a","source_key":"b"}`} {
			_, err := conn.Call(t.Context(), plugintest.Request(op, body))
			if e := plugintest.WantError(t, err, provider.CodeProtocol); e.Source != provider.SourceUpstream {
				t.Errorf("%s of %s: got %+v", name, op, e)
			}
		}
	}
}
