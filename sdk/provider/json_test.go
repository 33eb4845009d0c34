package provider

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

// roundTrip decodes into v and encodes again, both as generic values.
func roundTrip(t *testing.T, text string, v any) (before, after any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), v); err != nil {
		t.Fatalf("decode %s: %v", text, err)
	}
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatalf("encode: %v", err)
	}
	if err := json.Unmarshal([]byte(text), &before); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(out, &after); err != nil {
		t.Fatal(err)
	}
	return before, after
}

func TestUnknownFieldsSurviveAtEveryLevel(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, text string
		into       any
	}{
		{"chat request", `{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"a","cache_control":{"x":1}},
			{"type":"input_audio","input_audio":{"data":"zz"}}],"vendor":[1]},{"role":"assistant","content":null,
			"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"},"extra_id":9007199254740993}]}],
			"tools":[{"type":"web_search","filters":{"a":true}}],"top_k":5,"logit_bias":{"50256":-100},"stop":["a","b"]}`, new(ChatRequest)},
		{"chat response", `{"id":"i","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,
			"message":{"role":"assistant","content":"x","refusal":null,"annotations":[]},"finish_reason":"stop","logprobs":null,"stop_reason":7}],
			"x_groq":{"id":"q"}}`, new(ChatResponse)},
		{"chunk", `{"id":"i","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,
			"delta":{"role":"assistant","content":"","audio":{"id":1}},"logprobs":null,"finish_reason":null,"v":1}],"obfuscation":"zz"}`, new(ChatChunk)},
		{"embeddings", `{"model":"m","input":["a","b"],"truncate":"END"}`, new(EmbeddingRequest)},
		{"rerank", `{"query":"q","documents":["a",{"text":"b","id":1}],"rank_fields":["text"]}`, new(RerankRequest)},
		{"models", `{"object":"list","data":[{"id":"a","object":"model","created":1,"owned_by":"o","max_model_len":4096}],"has_more":false}`, new(ModelList)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if before, after := roundTrip(t, tt.text, tt.into); !reflect.DeepEqual(before, after) {
				t.Errorf("before %v\nafter  %v", before, after)
			}
		})
	}
}

func TestLargeNumbersInExtraFieldsKeepTheirDigits(t *testing.T) {
	t.Parallel()
	var r ChatRequest
	if err := json.Unmarshal([]byte(`{"messages":[],"id64":9007199254740993}`), &r); err != nil {
		t.Fatal(err)
	}
	out, err := json.Marshal(r)
	if err != nil || !strings.Contains(string(out), `"id64":9007199254740993`) {
		t.Errorf("%s, %v", out, err)
	}
}

func TestANamedFieldWinsOverAnExtraOneOfItsName(t *testing.T) {
	t.Parallel()
	out, err := json.Marshal(Delta{Role: "assistant", Extra: Extra{"role": json.RawMessage(`"user"`), "x": json.RawMessage(`1`)}})
	if err != nil || string(out) != `{"role":"assistant","x":1}` {
		t.Errorf("%s, %v", out, err)
	}
}

func TestAnswersAreWrittenStrictly(t *testing.T) {
	t.Parallel()
	text := "hi"
	out, err := json.Marshal(ChatResponse{ID: "i", Model: "m", Choices: []Choice{{Message: ResponseMessage{Role: "assistant", Content: &text}, FinishReason: "stop"}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"object":"chat.completion"`, `"refusal":null`, `"logprobs":null`} {
		if !strings.Contains(string(out), want) {
			t.Errorf("%s lacks %s", out, want)
		}
	}
	if out, err := json.Marshal(ChatResponse{}); err != nil || !strings.Contains(string(out), `"choices":[]`) {
		t.Errorf("no choices: %s, %v", out, err)
	}
}

func TestMistakesNameTheirField(t *testing.T) {
	t.Parallel()
	err := json.Unmarshal([]byte(`{"messages":[{"role":5,"content":"x"}]}`), new(ChatRequest))
	if err == nil || !strings.Contains(err.Error(), "messages.role") {
		t.Errorf("got %v", err)
	}
}

func TestTextIsEmptyWhereThereIsNone(t *testing.T) {
	t.Parallel()
	for chunk, want := range map[string]string{
		`{"choices":[]}`: "",
		`{"choices":[{"index":0,"delta":{"role":"assistant"}}]}`:                                        "",
		`{"choices":[{"index":1,"delta":{"content":"other"}},{"index":0,"delta":{"content":"first"}}]}`: "first",
	} {
		var c ChatChunk
		if err := json.Unmarshal([]byte(chunk), &c); err != nil || c.Text() != want {
			t.Errorf("%s: %q, %v, want %q", chunk, c.Text(), err, want)
		}
	}
	for answer, want := range map[string]string{
		`{"choices":[]}`: "",
		`{"choices":[{"index":0,"message":{"role":"assistant","content":null}}]}`: "",
		`{"choices":[{"index":0,"message":{"role":"assistant","content":"hi"}}]}`: "hi",
	} {
		var r ChatResponse
		if err := json.Unmarshal([]byte(answer), &r); err != nil || r.Text() != want {
			t.Errorf("%s: %q, %v, want %q", answer, r.Text(), err, want)
		}
	}
}

func TestContentKeepsItsForm(t *testing.T) {
	t.Parallel()
	for _, form := range []string{`"text"`, `""`, `null`, `[]`, `[{"type":"text","text":"a"}]`} {
		var c Content
		if err := json.Unmarshal([]byte(form), &c); err != nil {
			t.Fatal(err)
		}
		if out, err := json.Marshal(c); err != nil || string(out) != form {
			t.Errorf("%s became %s, %v", form, out, err)
		}
	}
	if err := json.Unmarshal([]byte(`5`), new(Content)); err == nil {
		t.Error("a number is no content")
	}
}

func TestEmbeddingInputKeepsItsForm(t *testing.T) {
	t.Parallel()
	for form, count := range map[string]int{`"a"`: 1, `["a","b"]`: 2, `[1,2,3]`: 1, `[[1],[2,3]]`: 2, `[]`: 0} {
		var in EmbeddingInput
		if err := json.Unmarshal([]byte(form), &in); err != nil {
			t.Fatal(err)
		}
		out, err := json.Marshal(in)
		if err != nil || string(out) != form || in.Len() != count {
			t.Errorf("%s became %s with %d inputs, %v", form, out, in.Len(), err)
		}
	}
	for _, wrong := range []string{`5`, `null`, `{"a":1}`, `["a",1]`} {
		if err := json.Unmarshal([]byte(wrong), new(EmbeddingInput)); err == nil {
			t.Errorf("%s was taken", wrong)
		}
	}
}

func TestVectorsAreReadInBothFormsAndWrittenAsAsked(t *testing.T) {
	t.Parallel()
	var v Vector
	if err := json.Unmarshal([]byte(`[1,-2.5]`), &v); err != nil || v.Base64 {
		t.Fatal(v, err)
	}
	v.Base64 = true
	encoded, err := json.Marshal(v)
	if err != nil || string(encoded) != `"AACAPwAAIMA="` {
		t.Fatalf("%s, %v", encoded, err)
	}
	var back Vector
	if err := json.Unmarshal(encoded, &back); err != nil || !reflect.DeepEqual(back, v) {
		t.Errorf("%v, %v", back, err)
	}
	for _, wrong := range []string{`"AAA="`, `"!"`, `true`} {
		if err := json.Unmarshal([]byte(wrong), new(Vector)); err == nil {
			t.Errorf("%s was taken", wrong)
		}
	}
}

func FuzzChatRequestKeepsWhatItDoesNotKnow(f *testing.F) {
	f.Add(`{"messages":[{"role":"user","content":"hi","x":{"y":[1]}}],"z":null}`)
	f.Add(`{"messages":null,"stop":"a"}`)
	f.Fuzz(func(t *testing.T, text string) {
		var r ChatRequest
		if json.Unmarshal([]byte(text), &r) != nil {
			return
		}
		once, err := json.Marshal(r)
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		var again ChatRequest
		if err := json.Unmarshal(once, &again); err != nil {
			t.Fatalf("what was written cannot be read: %v\n%s", err, once)
		}
		twice, err := json.Marshal(again)
		if err != nil || string(once) != string(twice) {
			t.Fatalf("writing is not stable: %s\n%s, %v", once, twice, err)
		}
	})
}
