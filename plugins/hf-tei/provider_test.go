package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/plugins/internal/plugintest"
	"github.com/backplane-dev/backplane/sdk/provider"
)

func TestTheReadmeSaysWhatTheManifestSays(t *testing.T) {
	t.Parallel()
	plugintest.CheckReadme(t, New().Describe())
}

func TestEmbeddingsGoToThePathThatIsLikeOpenAIs(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	got, err := open(t, f.URL).Call(t.Context(), plugintest.Request(provider.OpEmbeddings,
		`{"model":"m","input":["a","b"],"dimensions":2,"user":"u","encoding_format":"float"}`))
	if err != nil {
		t.Fatal(err)
	}
	sent := <-f.Requests
	if sent.Line() != "POST /v1/embeddings" || !sameJSON(t, sent.Body, `{"model":"m","input":["a","b"],"dimensions":2,"user":"u"}`) ||
		sent.Header.Get("Authorization") != "Bearer "+testKey || sent.Header.Get("X-Request-Id") != "req_host" {
		t.Errorf("sent %s %s", sent.Line(), sent.Body)
	}
	want := `{"object":"list","model":"BAAI/bge-small","data":[{"object":"embedding","index":0,"embedding":[0.5,-0.25]},{"object":"embedding","index":1,"embedding":[0.5,-0.25]}],"usage":{"prompt_tokens":6,"total_tokens":6}}`
	if !sameJSON(t, string(got.Body), want) || *got.Usage != (provider.Usage{Input: 6, Total: 6}) || got.Model != "BAAI/bge-small" {
		t.Errorf("got %s, %+v", got.Body, got.Meta)
	}
}

func TestTheInputKeepsItsForm(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	conn := open(t, f.URL)
	for _, input := range []string{`"a"`, `[1,2]`, `[[1,2],[3]]`, `["a"]`} {
		got, err := conn.Call(t.Context(), plugintest.Request(provider.OpEmbeddings, `{"input":`+input+`}`))
		if err != nil || !strings.Contains(string(got.Body), `"embedding":[0.5,-0.25]`) {
			t.Errorf("%s: got %v", input, err)
		}
		if sent := <-f.Requests; sent.Body != `{"input":`+input+`}` {
			t.Errorf("sent %s", sent.Body)
		}
	}
}

func TestBase64IsWrittenHere(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	got, err := open(t, f.URL).Call(t.Context(), plugintest.Request(provider.OpEmbeddings, `{"input":"a","encoding_format":"base64"}`))
	if err != nil {
		t.Fatal(err)
	}
	if sent := <-f.Requests; strings.Contains(sent.Body, "encoding_format") {
		t.Errorf("sent %s", sent.Body)
	}
	vector := base64.StdEncoding.EncodeToString([]byte{0, 0, 0, 0x3f, 0, 0, 0x80, 0xbe})
	if !strings.Contains(string(got.Body), `"embedding":"`+vector+`"`) {
		t.Errorf("got %s", got.Body)
	}
}

func TestTheServersOwnOptionsGoToItsOwnPath(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	conn := open(t, f.URL)
	got, err := conn.Call(t.Context(), plugintest.Request(provider.OpEmbeddings,
		`{"model":"m","input":["a","b"],"dimensions":2,"normalize":false,"truncate":true,"truncation_direction":"left","prompt_name":"query"}`))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"inputs":["a","b"],"dimensions":2,"normalize":false,"truncate":true,"truncation_direction":"Left","prompt_name":"query"}`
	if sent := <-f.Requests; sent.Line() != "POST /embed" || !sameJSON(t, sent.Body, want) {
		t.Errorf("sent %s %s", sent.Line(), sent.Body)
	}
	if !strings.Contains(string(got.Body), `"index":1,"embedding":[1,0.25]`) || *got.Usage != (provider.Usage{Input: 6, Total: 6}) || !strings.Contains(string(got.Body), `"model":"m"`) {
		t.Errorf("got %s, %+v", got.Body, got.Meta)
	}
	for field, value := range map[string]string{"truncation_direction": `"up"`, "encoding_format": `"int8"`, "dimensions": `0`} {
		_, err := conn.Call(t.Context(), plugintest.Request(provider.OpEmbeddings, `{"input":"a","`+field+`":`+value+`}`))
		if e := plugintest.WantError(t, err, provider.CodeInvalidRequest); e.Param != field {
			t.Errorf("%s: got %+v", field, e)
		}
	}
}

func TestLongListsAreSentInParts(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	conn := open(t, f.URL)
	texts := each(90, func(i int) string { return fmt.Sprintf(`"%d"`, i) })
	for _, tt := range []struct{ op, body, path string }{
		{provider.OpEmbeddings, `{"input":` + texts + `}`, "/v1/embeddings"},
		{provider.OpEmbeddings, `{"input":` + texts + `,"normalize":true}`, "/embed"},
		{"embed", `{"inputs":` + texts + `,"model":"m"}`, "/embed"},
		{"tokenize", `{"inputs":` + texts + `}`, "/tokenize"},
		{"decode", `{"ids":` + each(90, func(int) string { return `[1]` }) + `}`, "/decode"},
		{"predict", `{"inputs":` + each(90, func(int) string { return `["a"]` }) + `}`, "/predict"},
	} {
		got, err := conn.Call(t.Context(), plugintest.Request(tt.op, tt.body))
		if err != nil {
			t.Fatalf("%s: %v", tt.op, err)
		}
		for _, want := range []string{"GET /info", "POST " + tt.path, "POST " + tt.path, "POST " + tt.path} {
			if sent := <-f.Requests; sent.Line() != want || strings.Contains(sent.Body, "model") {
				t.Errorf("%s: sent %s, want %s", tt.op, sent.Line(), want)
			}
		}
		answers := got.Body
		if tt.op == provider.OpEmbeddings {
			var answer struct{ Data json.RawMessage }
			if err := json.Unmarshal(got.Body, &answer); err != nil {
				t.Fatal(err)
			}
			answers = answer.Data
		}
		var list []json.RawMessage
		if err := json.Unmarshal(answers, &list); err != nil || len(list) != 90 || got.Usage.Input != 270 {
			t.Errorf("%s: got %d answers, %+v", tt.op, len(list), got.Usage)
		}
		if tt.op == provider.OpEmbeddings && !strings.Contains(string(list[89]), `"index":89`) {
			t.Errorf("the last is %s", list[89])
		}
	}
}

func TestTheSizeOfABatchCanBeSet(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	conn := plugintest.Open(t, New(), plugintest.Settings{"base_url": f.URL, "max_batch_size": 2}, "")
	if _, err := conn.Call(t.Context(), plugintest.Request("embed", `{"inputs":["a","b","c"]}`)); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`{"inputs":["a","b"]}`, `{"inputs":["c"]}`} {
		if sent := <-f.Requests; sent.Body != want || sent.Header.Get("Authorization") != "" {
			t.Errorf("sent %s", sent.Body)
		}
	}
	for _, one := range []string{`{"inputs":[1,2,3]}`, `{"inputs":"a"}`} {
		if _, err := conn.Call(t.Context(), plugintest.Request("embed", one)); err != nil {
			t.Fatal(err)
		}
		if sent := <-f.Requests; sent.Body != one {
			t.Errorf("sent %s", sent.Body)
		}
	}
}

func TestTheServersOwnOperations(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	conn := open(t, f.URL)
	for _, tt := range []struct{ op, body, want string }{
		{"embed", `{"inputs":"a","normalize":false,"truncate":true,"truncation_direction":"Left","prompt_name":"q","dimensions":2}`, `[[0,0.25]]`},
		{"embed_all", `{"inputs":["a"]}`, `[[[0.5],[0.25]]]`},
		{"embed_sparse", `{"inputs":"a"}`, `[[{"index":7,"value":0.5}]]`},
		{"predict", `{"inputs":["a","b"],"raw_scores":true}`, `[{"score":0.9,"label":"joy"}]`},
		{"similarity", `{"inputs":{"source_sentence":"a","sentences":["b"]},"parameters":{"truncate":true}}`, `[0.5]`},
		{"tokenize", `{"inputs":"a","add_special_tokens":false}`, `[[{"id":1,"text":"a","special":false,"start":0,"stop":1}]]`},
		{"decode", `{"ids":[1,2],"skip_special_tokens":true}`, `["text"]`},
		{"info", `{}`, infoAnswer},
		{"health", `{}`, `{"status":"ok"}`},
		{"metrics", `{}`, "te_queue_size 0\n"},
		{provider.OpModels, `{}`, `{"object":"list","data":[{"id":"bge","object":"model","created":0,"owned_by":"BAAI"}]}`},
	} {
		got, err := conn.Call(t.Context(), plugintest.Request(tt.op, tt.body))
		if err != nil || string(got.Body) != tt.want {
			t.Errorf("%s: got %s, %v", tt.op, got.Body, err)
		}
		if sent := <-f.Requests; sent.Method == http.MethodPost && (sent.Body != tt.body || got.Usage == nil) {
			t.Errorf("%s: sent %s, %+v", tt.op, sent.Body, got.Usage)
		}
	}
	if err := conn.TestEndpoint(t.Context(), plugintest.Request("", "")); err != nil {
		t.Error(err)
	}
	if sent := <-f.Requests; sent.Line() != "GET /health" {
		t.Errorf("tested with %s", sent.Line())
	}
}

func TestChatIsUnsupported(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	conn := open(t, f.URL)
	_, err := conn.Call(t.Context(), plugintest.Request(provider.OpChat, `{"messages":[]}`))
	plugintest.WantError(t, err, provider.CodeUnsupported)
	_, err = plugintest.Stream(t, conn, plugintest.Request(provider.OpEmbeddings, `{"input":"a"}`))
	plugintest.WantError(t, err, provider.CodeUnsupported)
	m := New().Describe()
	if _, declared := m.Operation(provider.OpChat); declared || m.Credential.Required {
		t.Errorf("got %+v", m)
	}
}

func sameJSON(t testing.TB, got, want string) bool {
	t.Helper()
	var a, b any
	if err := json.Unmarshal([]byte(got), &a); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(want), &b); err != nil {
		t.Fatal(err)
	}
	return reflect.DeepEqual(a, b)
}
