package openaicompat

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/sdk/provider"
)

func TestOperationsBesideTheVersionAreCalledThere(t *testing.T) {
	t.Parallel()
	s := newService(t, answerJSON(200, `{"object":"list"}`))
	e := s.open(t, dialect(func(d *Dialect) {
		d.Operations = append(d.Operations, Operation{Name: "tokenize", Modes: call, Path: "/tokenize", AtRoot: true})
	}), nil)
	for op, want := range map[string]string{"tokenize": "/tokenize", provider.OpEmbeddings: "/v1/embeddings"} {
		if _, err := s.call(t, e, op, `{}`); err != nil {
			t.Fatal(err)
		}
		if got := (<-s.requests).URL.Path; got != want {
			t.Errorf("%s: got %s, want %s", op, got, want)
		}
	}
	for address, want := range map[string]string{
		"http://h/v1": "http://h", "http://h/gateway/v1/": "http://h/gateway", "http://h/v1beta": "http://h", "http://h/api": "http://h/api", "http://h": "http://h",
	} {
		if got := rootOf(address); got != want {
			t.Errorf("%s: got %s, want %s", address, got, want)
		}
	}
}

func TestARequestCanBeChangedOrRefusedByTheDialect(t *testing.T) {
	t.Parallel()
	s := newService(t, answerJSON(200, `{"object":"chat.completion"}`))
	e := s.open(t, dialect(func(d *Dialect) {
		d.Operations[0].Request = func(body []byte) ([]byte, error) {
			if strings.Contains(string(body), "video") {
				return nil, provider.Errorf(provider.CodeInvalidRequest, "no films")
			}
			return []byte(strings.ReplaceAll(string(body), "colour", "color")), nil
		}
	}), nil)
	if _, err := s.call(t, e, provider.OpChat, `{"model":"m","colour":1}`); err != nil {
		t.Fatal(err)
	}
	if got := (<-s.requests).body; got != `{"model":"m","color":1}` {
		t.Errorf("sent %s", got)
	}
	if _, err := s.call(t, e, provider.OpChat, `{"video":1}`); provider.AsError(err).Code != provider.CodeInvalidRequest {
		t.Errorf("got %v", err)
	}
}

func TestARawAnswerCanBeCompleted(t *testing.T) {
	t.Parallel()
	s := newService(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "fine") })
	e := s.open(t, dialect(func(d *Dialect) {
		d.Operations = append(d.Operations, Operation{
			Name: "health", Modes: call, Method: http.MethodGet, Path: "/health", Raw: true, NoModel: true,
			Answer: func(out *provider.Response) error {
				out.ContentType, out.Body = "", []byte(`{"status":"`+string(out.Body)+`"}`)
				return nil
			},
		})
	}), nil)
	got, err := s.call(t, e, "health", `{}`)
	if err != nil || string(got.Body) != `{"status":"fine"}` || got.ContentType != "" {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestThoughtsHaveTheCanonicalNameOnBothWays(t *testing.T) {
	t.Parallel()
	const answer = `{"id":"c","choices":[{"index":0,"message":{"role":"assistant","content":"the \"reasoning\" of it","reasoning":"hm"},"finish_reason":"stop"},{"message":{"reasoning":null}}]}`
	const chunk = `{"id":"c","choices":[{"index":0,"delta":{"reasoning":"hm \"x\""},"finish_reason":null}]}`
	s := newService(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept") == "text/event-stream" {
			answerSSE("data: "+chunk+"\n\n", "data: [DONE]\n\n")(w, r)
			return
		}
		answerJSON(200, answer)(w, r)
	})
	e := s.open(t, dialect(func(d *Dialect) { d.Reasoning = "reasoning" }), nil)
	got, err := s.call(t, e, provider.OpChat, `{"model":"m","messages":[{"role":"assistant","reasoning_content":"hm","content":"x"},{"role":"user","content":"reasoning_content"}]}`)
	if err != nil {
		t.Fatal(err)
	}
	if sent := (<-s.requests).body; sent != `{"model":"m","messages":[{"role":"assistant","reasoning":"hm","content":"x"},{"role":"user","content":"reasoning_content"}]}` {
		t.Errorf("sent %s", sent)
	}
	want := strings.NewReplacer(`,"reasoning":"hm"`, `,"reasoning_content":"hm"`, `"reasoning":null`, `"reasoning_content":null`).Replace(answer)
	if string(got.Body) != want {
		t.Errorf("got  %s\nwant %s", got.Body, want)
	}
	out := &sink{}
	if _, err := e.Stream(t.Context(), &provider.Request{Operation: provider.OpChat, Body: []byte(`{"model":"m","messages":[]}`)}, out); err != nil {
		t.Fatal(err)
	}
	if want := strings.Replace(chunk, `"reasoning"`, `"reasoning_content"`, 1); len(out.chunks()) != 1 || out.chunks()[0] != want {
		t.Errorf("got %s, want %s", out.chunks(), want)
	}
}

func TestGroqsCornerOfAChunkIsRead(t *testing.T) {
	t.Parallel()
	f, err := readFacts([]byte(`{"choices":[],"x_groq":{"id":"req_1","usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}}}`))
	if err != nil || f.failed || !f.used || f.usage != (provider.Usage{Input: 3, Output: 4, Total: 7}) {
		t.Errorf("got %+v, %v", f, err)
	}
	f, err = readFacts([]byte(`{"choices":[],"x_groq":{"id":"req_1","error":"over capacity"}}`))
	if err != nil || !f.failed || string(f.inner) != `{"id":"req_1","error":"over capacity"}` {
		t.Errorf("got %+v, %v", f, err)
	}
	f, err = readFacts([]byte(`{"choices":[],"x_groq":"none"}`))
	if err != nil || f.failed || f.used {
		t.Errorf("got %+v, %v", f, err)
	}
}

func TestAnAddressCanHaveTheServicesOwnForm(t *testing.T) {
	t.Parallel()
	d := dialect(func(d *Dialect) {
		d.Address = func(text string) string { return "http://" + text + "/v1" }
	})
	if _, err := openWith(d, map[string]any{"base_url": "127.0.0.1:1"}, "k"); err != nil {
		t.Error(err)
	}
}

func TestFieldsThatTheServiceCannotHonourAreRefused(t *testing.T) {
	t.Parallel()
	check := RefuseFields(Field{Name: "n", Harmless: []string{"1"}, Why: "must be 1"})
	for body, refused := range map[string]bool{
		`{"n":1}`: false, `{"n":null}`: false, `{"m":2}`: false, ``: false, `{"n":2}`: true,
	} {
		if _, err := check([]byte(body)); (err != nil) != refused {
			t.Errorf("%s: got %v", body, err)
		}
	}
	_, err := check([]byte(`{"n":2}`))
	if e := provider.AsError(err); e.Code != provider.CodeInvalidRequest || e.Param != "n" || e.Message != `field "n" must be 1` {
		t.Errorf("got %+v", e)
	}
	if _, err := check([]byte(`{"n"`)); provider.AsError(err).Code != provider.CodeInvalidRequest {
		t.Errorf("got %v", err)
	}
}

func TestFieldsOfMessagesAreRenamedAndRemoved(t *testing.T) {
	t.Parallel()
	s := newService(t, answerJSON(200, `{"object":"chat.completion"}`))
	e := s.open(t, dialect(func(d *Dialect) { d.Messages = map[string]string{"refusal": "", "name": "who"} }), nil)
	if _, err := s.call(t, e, provider.OpChat, `{"model":"m","name":"n","messages":[{"role":"assistant","refusal":null,"content":"x"},{"role":"user","name":"u","content":"refusal"}]}`); err != nil {
		t.Fatal(err)
	}
	if sent := (<-s.requests).body; sent != `{"model":"m","name":"n","messages":[{"role":"assistant","content":"x"},{"role":"user","who":"u","content":"refusal"}]}` {
		t.Errorf("sent %s", sent)
	}
}

func TestAModelCanBePartOfTheAddress(t *testing.T) {
	t.Parallel()
	s := newService(t, answerJSON(200, `{"object":"chat.completion"}`))
	e := s.open(t, dialect(func(d *Dialect) {
		d.Operations[0].Path, d.Operations[0].UnderModel = "/v1/chat", true
	}), nil)
	for model, want := range map[string]string{"owner/a b": "/v1/owner/a%20b/v1/chat", "m": "/v1/m/v1/chat"} {
		if _, err := s.call(t, e, provider.OpChat, `{"model":"`+model+`"}`); err != nil {
			t.Fatal(err)
		}
		if got := (<-s.requests).URL.EscapedPath(); got != want {
			t.Errorf("%s: got %s, want %s", model, got, want)
		}
	}
	for _, model := range []string{"../x", "a//b", "."} {
		_, err := s.call(t, e, provider.OpChat, `{"model":"`+model+`"}`)
		if e := provider.AsError(err); e.Code != provider.CodeInvalidRequest || e.Param != "model" {
			t.Errorf("%s: got %v", model, err)
		}
	}
}
