package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/plugins/internal/plugintest"
	"github.com/backplane-dev/backplane/sdk/client"
	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/providertest"
)

func openWithTemplate(t testing.TB, url string) *client.Conn {
	t.Helper()
	return plugintest.Open(t, New(), plugintest.Settings{"base_url": url, "chat_template": "chatml"}, testKey)
}

func TestConformanceWhereThePromptIsMadeHere(t *testing.T) {
	p := profile()
	p.Settings, p.Service.Translated = json.RawMessage(`{"chat_template":"chatml"}`), true
	p.Service.Usage = provider.Usage{} // generate reports no tokens of the prompt here
	providertest.Run(t, providertest.Harness{New: New, Profile: p})
}

func TestChatByPromptGoesToGenerate(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	got, err := openWithTemplate(t, f.URL).Call(t.Context(), plugintest.Request(provider.OpChat,
		`{"model":"m","messages":[{"role":"developer","content":"Be brief."},{"role":"user","content":[{"type":"text","text":"Hi"}]}],
		"max_completion_tokens":5,"temperature":0.5,"top_p":1,"frequency_penalty":0.1,"seed":7,"stop":"END","top_k":3,"adapter_id":"lora","user":"u","logit_bias":{},
		"response_format":{"type":"json_schema","json_schema":{"name":"a","schema":{"properties":{}}}}}`))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"model":"m","inputs":"<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n","parameters":{"details":true,"return_full_text":false,` +
		`"max_new_tokens":5,"temperature":0.5,"do_sample":true,"frequency_penalty":0.1,"seed":7,"stop":["<|im_end|>","END"],"top_k":3,"adapter_id":"lora","grammar":{"type":"json","value":{"properties":{}}}}}`
	if sent := <-f.Requests; sent.Line() != "POST /generate" || !sameJSON(t, sent.Body, want) {
		t.Errorf("sent %s %s", sent.Line(), sent.Body)
	}
	var answer provider.ChatResponse
	if err := json.Unmarshal(got.Body, &answer); err != nil {
		t.Fatal(err)
	}
	if answer.Text() != "test more" || answer.Choices[0].FinishReason != "stop" || answer.Usage.CompletionTokens != 3 || answer.Model != "m" || answer.ID == "" ||
		*got.Usage != (provider.Usage{Input: 7, Output: 3, Total: 10}) {
		t.Errorf("got %s, %+v", got.Body, got.Meta)
	}
}

func TestAStreamOfChatByPromptHasTextAlone(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	got, err := plugintest.Stream(t, openWithTemplate(t, f.URL), plugintest.Request(provider.OpChat,
		`{"messages":[{"role":"user","content":"Hi"}],"stop":["lo, this never comes","lo"],"stream_options":{"include_usage":true}}`))
	if err != nil {
		t.Fatal(err)
	}
	var said, finish string
	var usage *provider.ChatUsage
	for _, raw := range got.Chunks {
		var chunk provider.ChatChunk
		if err := json.Unmarshal([]byte(raw), &chunk); err != nil {
			t.Fatal(err)
		}
		for _, c := range chunk.Choices {
			if c.Delta.Content != nil {
				said += *c.Delta.Content
			}
			if c.FinishReason != nil {
				finish = *c.FinishReason
			}
		}
		usage = chunk.Usage
		if !strings.HasPrefix(chunk.ID, "chatcmpl-") || chunk.Created == 0 {
			t.Errorf("got %s", raw)
		}
	}
	if said != " Hel" || finish != "stop" || usage == nil || usage.TotalTokens != 10 || got.Finish.Usage.Total != 10 || got.Finish.Reason != "stop" {
		t.Errorf("got %q, %s, %+v", said, finish, got)
	}
}

func TestWhatAPromptCannotSayIsRefused(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	conn := openWithTemplate(t, f.URL)
	const hi = `"messages":[{"role":"user","content":"Hi"}]`
	for body, param := range map[string]string{
		hi + `,"tools":[{"type":"function","function":{"name":"f"}}]`: "tools",
		hi + `,"n":2`:                                    "n",
		hi + `,"logprobs":true`:                          "logprobs",
		hi + `,"presence_penalty":1`:                     "presence_penalty",
		hi + `,"response_format":{"type":"json_object"}`: "response_format",
		`"messages":[{"role":"tool","tool_call_id":"c","content":"1"}]`:                                              "messages",
		`"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,"}}]}]`: "messages",
	} {
		_, err := conn.Call(t.Context(), plugintest.Request(provider.OpChat, `{`+body+`}`))
		if e := plugintest.WantError(t, err, provider.CodeInvalidRequest); e.Param != param {
			t.Errorf("%s: got %+v", body, e)
		}
	}
	if len(f.Requests) > 0 {
		t.Error("a refused request was sent")
	}
}

func TestErrorsOfChatByPrompt(t *testing.T) {
	t.Parallel()
	t.Run("errors", func(t *testing.T) {
		t.Parallel()
		plugintest.CheckErrors(t, openWithTemplate, provider.OpChat, request)
	})
	t.Run("broken", func(t *testing.T) {
		t.Parallel()
		plugintest.CheckBroken(t, openWithTemplate, provider.OpChat, request, brokenTokens)
	})
	t.Run("cancel", func(t *testing.T) {
		t.Parallel()
		plugintest.CheckCancel(t, openWithTemplate, provider.OpChat, request, eventStream, token)
	})
}
