package main

import (
	"bytes"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/plugins/internal/plugintest"
	"github.com/backplane-dev/backplane/sdk/openaicompat"
	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/providertest"
)

func TestConformance(t *testing.T) {
	providertest.Run(t, providertest.Harness{New: New, Profile: profile()})
}

func TestConformanceOfTheBinary(t *testing.T) {
	providertest.RunBinary(t, ".", profile())
}

// profile is a service that reports usage in streams unasked, as Groq does.
func profile() providertest.Profile {
	service := providertest.OpenAI()
	healthy := service.Handler
	service.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		asked := bytes.Replace(body, []byte(`"stream":true`), []byte(`"stream":true,"stream_options":{"include_usage":true}`), 1)
		r.Body = io.NopCloser(bytes.NewReader(asked))
		healthy.ServeHTTP(w, r)
	})
	return providertest.Profile{Service: service}
}

func TestTheReadmeSaysWhatTheManifestSays(t *testing.T) {
	t.Parallel()
	plugintest.CheckReadme(t, New().Describe())
}

const (
	tools    = `"tools":[{"type":"function","function":{"name":"get_weather","description":"d","parameters":{"type":"object","properties":{"city":{"type":"string"}}}}}],"tool_choice":"auto","parallel_tool_calls":true`
	messages = `"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":[{"type":"text","text":"Hello"},{"type":"image_url","image_url":{"url":"https://example.com/a.png"}}]}]`
	request  = `{"model":"m",` + messages + `}`
)

var usage = provider.Usage{Input: 9, Output: 3, Total: 12, Cached: 4, Reasoning: 1}

func TestChatAnswersWithUsageLimitsAndThoughts(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	body := `{"model":"qwen/qwen3-32b",` + messages + `,` + tools + `,"max_tokens":5,"top_p":0.5,"temperature":0,"stop":["END"],"seed":7,"n":1,"reasoning_format":"parsed","response_format":{"type":"json_object"},"service_tier":"auto","user":"u"}`
	req := plugintest.Request(provider.OpChat, body)
	req.Header = map[string]string{"groq-model-version": "latest"}
	got, err := open(t, f.URL).Call(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	if sent := <-f.Requests; sent.Header.Get("Groq-Model-Version") != "latest" || sent.Line() != "POST /openai/v1/chat/completions" || sent.Body != body || sent.Header.Get("Authorization") != "Bearer "+testKey {
		t.Errorf("sent %s %s", sent.Line(), sent.Body)
	}
	if !bytes.Contains(got.Body, []byte(`"reasoning_content":"They greet."`)) {
		t.Errorf("got %s", got.Body)
	}
	limits := []provider.RateLimit{
		{Meter: "requests", Limit: 14400, Remaining: 14370, Reset: 179560 * time.Millisecond},
		{Meter: "tokens", Limit: 18000, Remaining: 17997, Reset: 7660 * time.Millisecond},
	}
	if *got.Usage != usage || got.FinishReason != "stop" || got.Model != "qwen/qwen3-32b" || got.RequestID != "req_groq" ||
		!slices.Equal(got.RateLimits, limits) || got.Header["x-groq-region"] != "dmm" {
		t.Errorf("reported %+v", got.Meta)
	}
}

func TestAStreamHasItsUsageFromGroqsCorner(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	got, err := plugintest.Stream(t, open(t, f.URL), plugintest.Request(provider.OpChat,
		`{"model":"m",`+messages+`,`+tools+`,"stream":true,"stream_options":{"include_usage":true}}`))
	if err != nil {
		t.Fatal(err)
	}
	if sent := <-f.Requests; strings.Contains(sent.Body, "stream_options") {
		t.Errorf("sent %s", sent.Body)
	}
	if got.Finish.Reason != "tool_calls" || !reflect.DeepEqual(got.Finish.Usage, &usage) || len(got.Chunks) != 5 {
		t.Errorf("finished with %+v after %q", got.Finish, got.Chunks)
	}
	if want := `"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":3,"total_tokens":12,`; !strings.Contains(got.Chunks[4], want) {
		t.Errorf("the caller asked for usage and got %s last", got.Chunks[4])
	}
	if !strings.Contains(got.Chunks[1], `"delta":{"reasoning_content":"Weather and time."}`) || !strings.Contains(got.Chunks[2], `"id":"call_b"`) {
		t.Errorf("got %q", got.Chunks)
	}
}

func TestAnErrorInGroqsCornerEndsTheStream(t *testing.T) {
	t.Parallel()
	url := plugintest.Serve(t, func(w http.ResponseWriter, _ *http.Request) {
		plugintest.WriteParts(w, "text/event-stream", plugintest.FirstChunk,
			"data: {\"id\":\"c\",\"choices\":[],\"x_groq\":{\"id\":\"req_1\",\"error\":\"over capacity\"}}\n\ndata: [DONE]\n\n")
	})
	_, err := plugintest.Stream(t, open(t, url), plugintest.Request(provider.OpChat, request))
	if e := plugintest.WantError(t, err, provider.CodeUpstream); e.Message != "over capacity" {
		t.Errorf("got %v", e)
	}
}

func TestConversationsOfOtherServicesGoOn(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	_, err := open(t, f.URL).Call(t.Context(), plugintest.Request(provider.OpChat, `{"model":"m","prompt_cache_key":"k","safety_identifier":"s","messages":[{"role":"user","content":"a"},`+
		`{"role":"assistant","content":null,"refusal":null,"annotations":[],"audio":null,"reasoning_content":"hm","tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]},`+
		`{"role":"tool","tool_call_id":"c","content":"1"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"model":"m","messages":[{"role":"user","content":"a"},` +
		`{"role":"assistant","content":null,"reasoning":"hm","tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]},` +
		`{"role":"tool","tool_call_id":"c","content":"1"}]}`
	if sent := <-f.Requests; sent.Body != want {
		t.Errorf("sent %s\nwant %s", sent.Body, want)
	}
}

func TestFieldsThatGroqCannotHonourAreRefused(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	conn := open(t, f.URL)
	for _, field := range refused {
		body := `{"model":"m","messages":[{"role":"user","content":"a"}],"` + field.Name + `":7}`
		_, err := conn.Call(t.Context(), plugintest.Request(provider.OpChat, body))
		if e := plugintest.WantError(t, err, provider.CodeInvalidRequest); e.Param != field.Name || !strings.Contains(e.Message, "Groq") && field.Name != "audio" {
			t.Errorf("%s: got %+v", field.Name, e)
		}
		for _, harmless := range append(field.Harmless, "null") {
			body := `{"model":"m","messages":[{"role":"user","content":"a"}],"` + field.Name + `":` + harmless + `}`
			if _, err := openaicompat.RefuseFields(field)([]byte(body)); err != nil {
				t.Errorf("%s: %s: got %v", field.Name, harmless, err)
			}
		}
	}
	if len(f.Requests) > 0 {
		t.Error("a refused request was sent")
	}
}

func TestSoundGoesBothWays(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	conn := open(t, f.URL)
	for op, want := range map[string]string{
		provider.OpAudioTranscription: "whisper-large-v3-turbo", provider.OpAudioTranslation: "whisper-large-v3",
	} {
		form, kind := plugintest.Form(t, "file", "a.mp3", "sound", "response_format", "json")
		got, err := plugintest.Transfer(t, conn, plugintest.Request(op, `{}`), form, kind)
		if err != nil || string(got.Body) != string(plugintest.Testdata(t, "transcription.json")) {
			t.Errorf("%s: got %s, %v", op, got.Body, err)
		}
		if sent := <-f.Requests; !strings.Contains(sent.Body, want) {
			t.Errorf("%s: sent %s", op, sent.Body)
		}
	}
	got, err := plugintest.Transfer(t, conn, plugintest.Request(provider.OpAudioSpeech, `{"input":"Hello","voice":"troy","response_format":"wav"}`), nil, "")
	if err != nil || string(got.Body) != "RIFF\x00\xffWAVE" || got.Head.ContentType != "audio/wav" {
		t.Errorf("got %+v, %v", got, err)
	}
	if sent := <-f.Requests; !strings.Contains(sent.Body, `"model":"canopylabs/orpheus-v1-english"`) {
		t.Errorf("sent %s", sent.Body)
	}
}

func TestModelsAreListedAndDescribed(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	conn := open(t, f.URL)
	for op, want := range map[string]string{provider.OpModels: "models.json", "models.get": "model.json"} {
		got, err := conn.Call(t.Context(), plugintest.Request(op, `{"model":"openai/gpt-oss-20b"}`))
		if err != nil || !bytes.Equal(got.Body, plugintest.Testdata(t, want)) {
			t.Errorf("%s: got %v, %v", op, got, err)
		}
	}
}

func TestDocumentedErrorsAreClassified(t *testing.T) {
	t.Parallel()
	plugintest.CheckErrors(t, open, provider.OpChat, request)
}

func TestBrokenStreamsAreErrors(t *testing.T) {
	t.Parallel()
	plugintest.CheckBroken(t, open, provider.OpChat, request, plugintest.BrokenChat)
}

func TestCancelClosesTheConnection(t *testing.T) {
	t.Parallel()
	plugintest.CheckCancel(t, open, provider.OpChat, request, "text/event-stream", plugintest.FirstChunk)
}
