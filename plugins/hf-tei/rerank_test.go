package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/plugins/internal/plugintest"
	"github.com/backplane-dev/backplane/sdk/provider"
)

func TestRerankTranslatesBothWays(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	conn := open(t, f.URL)
	got, err := conn.Call(t.Context(), plugintest.Request(provider.OpRerank,
		`{"model":"m","query":"q","documents":["0.25",{"text":"0.75","title":"t"},"0.5"],"top_n":2,"return_documents":true,"raw_scores":true,"truncate":true,"truncation_direction":"right","return_text":true}`))
	if err != nil {
		t.Fatal(err)
	}
	if sent := <-f.Requests; sent.Line() != "POST /rerank" ||
		!sameJSON(t, sent.Body, `{"query":"q","texts":["0.25","0.75","0.5"],"raw_scores":true,"truncate":true,"truncation_direction":"Right"}`) {
		t.Errorf("sent %s %s", sent.Line(), sent.Body)
	}
	want := `{"model":"m","results":[{"index":1,"relevance_score":0.75,"document":{"text":"0.75","title":"t"}},{"index":2,"relevance_score":0.5,"document":{"text":"0.5"}}]}`
	if !sameJSON(t, string(got.Body), want) || *got.Usage != (provider.Usage{Input: 9, Total: 9}) {
		t.Errorf("got %s, %+v", got.Body, got.Meta)
	}
	got, err = conn.Call(t.Context(), plugintest.Request(provider.OpRerank, `{"query":"q","documents":["1","2"]}`))
	if err != nil || !sameJSON(t, string(got.Body), `{"results":[{"index":1,"relevance_score":2},{"index":0,"relevance_score":1}]}`) {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestALongListOfDocumentsIsOrderedAsAWhole(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	documents := each(90, func(i int) string { return fmt.Sprintf(`"%d"`, i) })
	got, err := open(t, f.URL).Call(t.Context(), plugintest.Request(provider.OpRerank, `{"query":"q","documents":`+documents+`,"top_n":3}`))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"results":[{"index":89,"relevance_score":89},{"index":88,"relevance_score":88},{"index":87,"relevance_score":87}]}`
	if !sameJSON(t, string(got.Body), want) || len(f.Requests) != 4 || got.Usage.Input != 270 {
		t.Errorf("got %s, %+v", got.Body, got.Meta)
	}
}

func TestWhatCannotBeRankedIsRefused(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	conn := open(t, f.URL)
	for field, rest := range map[string]string{
		"documents": `"documents":[7]`, "top_n": `"documents":["a"],"top_n":0`, "rank_fields": `"documents":["a"],"rank_fields":["title"]`,
		"max_tokens_per_doc": `"documents":["a"],"max_tokens_per_doc":9`, "truncation_direction": `"documents":["a"],"truncation_direction":7`,
	} {
		_, err := conn.Call(t.Context(), plugintest.Request(provider.OpRerank, `{"query":"q",`+rest+`}`))
		if e := plugintest.WantError(t, err, provider.CodeInvalidRequest); e.Param != field {
			t.Errorf("%s: got %+v", field, e)
		}
	}
	if len(f.Requests) > 0 {
		t.Error("a refused request was sent")
	}
}

// The server in TEI's form that answered is llama.cpp's, whose rerank takes it.
func TestARecordedRerankIsUnderstood(t *testing.T) {
	t.Parallel()
	for _, tr := range plugintest.Transcripts(t, "llama-server-b10587-rerank.json") {
		if !strings.Contains(tr.Body(), `"texts"`) || tr.Response.Status != http.StatusOK {
			continue
		}
		t.Run(tr.Name, func(t *testing.T) {
			t.Parallel()
			body := strings.Replace(tr.Body(), `"texts"`, `"documents"`, 1)
			got, err := open(t, plugintest.Serve(t, tr.Replay)).Call(t.Context(), plugintest.Request(provider.OpRerank, body))
			if err != nil || !strings.Contains(string(got.Body), `"relevance_score"`) {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}
