package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/plugins/internal/plugintest"
	"github.com/backplane-dev/backplane/sdk/provider"
)

const conversation = `"messages":[{"role":"developer","content":"Be brief."},{"role":"user","content":[{"type":"text","text":"One "},{"type":"text","text":"two"}]},` +
	`{"role":"assistant","content":"Three"},{"role":"user","content":"Four","name":"ada"}]`

func TestAConversationBecomesOneText(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for cue, end := range map[bool]string{false: "", true: `\nassistant:`} {
		conn := plugintest.Open(t, New(), plugintest.Settings{"base_url": s.URL, "assistant_cue": cue}, testKey)
		got, err := conn.Call(t.Context(), plugintest.Request(provider.OpChat,
			`{"model":"acme/upper",`+conversation+`,"max_tokens":9,"max_completion_tokens":50,"temperature":0,"top_p":1,"top_k":4,"stop":"x","seed":7,"user":"u","n":1,`+
				`"tools":[],"tool_choice":"auto","response_format":{"type":"text"},"store":true,"logprobs":false,"params":{"seed":8}}`))
		if err != nil {
			t.Fatal(err)
		}
		want := `{"inputs":"system: Be brief.\nuser: One two\nassistant: Three\nuser: Four` + end + `","max_tokens":50,"temperature":0,"top_k":4,"top_p":1,"params":{"seed":7,"stop":["x"]}}`
		if sent := <-s.Requests; sent.Body != want || sent.Line() != "POST /models/acme%2Fupper/inference" {
			t.Errorf("sent %s %s", sent.Line(), sent.Body)
		}
		var answer provider.ChatResponse
		if err := json.Unmarshal(got.Body, &answer); err != nil || !strings.HasPrefix(answer.Text(), "SYSTEM: BE BRIEF.\nUSER: ONE TWO") {
			t.Errorf("got %s, %v", got.Body, err)
		}
		if answer.Choices[0].FinishReason != "stop" || answer.Model != "acme/upper" || got.Usage == nil || answer.Usage.TotalTokens != got.Usage.Total || got.Usage.Total == 0 {
			t.Errorf("got %s, %+v", got.Body, got.Meta)
		}
	}
}

func TestFieldsWithoutANameGoToTheParameters(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	_, err := open(t, s.URL).Call(t.Context(), plugintest.Request(provider.OpChat,
		`{"model":"echo",`+conversation+`,"presence_penalty":0.5,"top_a":0.25}`))
	e := plugintest.WantError(t, err, provider.CodeInvalidRequest) // the server's word: nothing gets lost
	if sent := <-s.Requests; !strings.Contains(sent.Body, `"params":{"presence_penalty":0.5,"top_a":0.25}`) || e.Param != "params.presence_penalty" {
		t.Errorf("sent %s, got %+v", sent.Body, e)
	}
}

func TestWhatAConversationCannotHave(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	conn := open(t, s.URL)
	const hi = `"messages":[{"role":"user","content":"hi"}]`
	for body, param := range map[string]string{
		`"messages":[]`: "messages",
		`"messages":[{"role":"tool","tool_call_id":"c","content":"1"}]`:                                                                         "messages[0].role",
		`"messages":[{"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]}]`: "messages[0].tool_calls",
		`"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,AA=="}}]}]`:                        "messages[0].content",
		hi + `,"tools":[{"type":"function","function":{"name":"f"}}]`:                                                                           "tools",
		hi + `,"tool_choice":"required"`:                 "tool_choice",
		hi + `,"response_format":{"type":"json_object"}`: "response_format",
		hi + `,"n":2`:                         "n",
		hi + `,"reasoning_effort":"high"`:     "reasoning_effort",
		hi + `,"logprobs":true`:               "logprobs",
		hi + `,"functions":[{"name":"f"}]`:    "functions",
		hi + `,"modalities":["text","audio"]`: "modalities",
		hi + `,"params":7`:                    "params",
	} {
		_, err := conn.Call(t.Context(), plugintest.Request(provider.OpChat, `{"model":"echo",`+body+`}`))
		if e := plugintest.WantError(t, err, provider.CodeInvalidRequest); e.Param != param || e.Message == "" {
			t.Errorf("%s: got %+v", body, e)
		}
	}
	_, err := conn.Call(t.Context(), plugintest.Request(provider.OpChat, `{`+hi+`}`))
	if e := plugintest.WantError(t, err, provider.CodeInvalidRequest); e.Param != "model" {
		t.Errorf("got %+v", e)
	}
	if len(s.Requests) > 0 {
		t.Error("a refused request was sent")
	}
}
