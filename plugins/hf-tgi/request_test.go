package main

import (
	"testing"

	"github.com/backplane-dev/backplane/plugins/internal/plugintest"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// conversation is a chat request with all that the server can take, and what
// clients of other services write beside it.
const conversation = `{"model":"lora-a","max_completion_tokens":5,"temperature":0,"top_p":1.0,"presence_penalty":0,"frequency_penalty":0.5,"logit_bias":{},
"seed":7,"n":1,"stop":"END","logprobs":true,"top_logprobs":2,"user":"u","parallel_tool_calls":true,"tool_choice":{"type":"function","function":{"name":"f"}},
"response_format":{"type":"json_schema","json_schema":{"name":"answer","strict":true,"schema":{"type":"object","properties":{"a":{"type":"string"}}}}},
"tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object","properties":{"n":{"const":12345678901234567890}}}}},{"type":"function","function":{"name":"g"}}],
"messages":[{"role":"developer","content":"Be brief."},
{"role":"user","content":[{"type":"text","text":"What is this?"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AA=="}}]},
{"role":"assistant","content":null,"refusal":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":"{}"}},{"id":"c2","type":"function","function":{"name":"g","arguments":"{}"}}]},
{"role":"tool","tool_call_id":"c1","content":"1"},{"role":"tool","tool_call_id":"c2","content":"2"},
{"role":"assistant","content":"So.","tool_calls":[]},{"role":"assistant","content":"Again.","tool_calls":[{"id":"c3","type":"function","function":{"name":"f","arguments":"{}"}}]},
{"role":"assistant","content":null}]}`

const asTheServerTakesIt = `{"model":"lora-a","max_tokens":5,"temperature":0,"frequency_penalty":0.5,
"seed":7,"n":1,"stop":["END"],"logprobs":true,"top_logprobs":2,"user":"u","parallel_tool_calls":true,"tool_choice":{"type":"function","function":{"name":"f"}},
"response_format":{"type":"json_schema","value":{"name":"answer","schema":{"type":"object","properties":{"a":{"type":"string"}}}}},
"tools":[{"type":"function","function":{"name":"f","description":"d","arguments":{"type":"object","properties":{"n":{"const":12345678901234567890}}}}},{"type":"function","function":{"name":"g","arguments":{"type":"object","properties":{}}}}],
"messages":[{"role":"system","content":"Be brief."},
{"role":"user","content":[{"type":"text","text":"What is this?"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AA=="}}]},
{"role":"assistant","refusal":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":"{}"}},{"id":"c2","type":"function","function":{"name":"g","arguments":"{}"}}]},
{"role":"tool","tool_call_id":"c1","content":"1"},{"role":"tool","tool_call_id":"c2","content":"2"},
{"role":"assistant","content":"So."},{"role":"assistant","tool_calls":[{"id":"c3","type":"function","function":{"name":"f","arguments":"{}"}}]},
{"role":"assistant","content":""}]}`

func TestAConversationIsWrittenAsTheServerTakesIt(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	conn := open(t, f.URL)
	for _, op := range []string{provider.OpChat, "chat_tokenize"} {
		if _, err := conn.Call(t.Context(), plugintest.Request(op, conversation)); err != nil {
			t.Fatal(err)
		}
		if sent := <-f.Requests; !sameJSON(t, sent.Body, asTheServerTakesIt) {
			t.Errorf("%s: sent %s", op, sent.Body)
		}
	}
}

func TestTheDescriptionRefusesWhatOpenAITakes(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	if !f.spec.There() {
		t.Skip("the server's description is not beside the repository")
	}
	r := postTo(t, "http://x/v1/chat/completions")
	if f.spec.RequestError(t, r, []byte(conversation)) == nil {
		t.Error("the description would have taken the request as it was: the test shows nothing")
	}
}

func TestWhatTheServerWouldForgetIsRefused(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	conn := open(t, f.URL)
	for _, tt := range []struct{ op, field, value string }{
		{provider.OpChat, "n", `2`},
		{provider.OpChat, "logit_bias", `{"7":-100}`},
		{provider.OpChat, "top_k", `5`},
		{provider.OpChat, "repetition_penalty", `1.1`},
		{provider.OpChat, "reasoning_effort", `"low"`},
		{provider.OpChat, "modalities", `["text","audio"]`},
		{provider.OpChat, "functions", `[{"name":"f"}]`},
		{provider.OpChat, "response_format", `{"type":"json_object"}`},
		{provider.OpChat, "response_format", `{"type":"json_schema"}`},
		{provider.OpChat, "response_format", `7`},
		{provider.OpChat, "tools", `[{"type":"web_search"}]`},
		{provider.OpChat, "tools", `{}`},
		{provider.OpChat, "messages", `[{"role":"user","content":[{"type":"input_audio","input_audio":{}}]}]`},
		{provider.OpChat, "messages", `["hi"]`},
		{provider.OpCompletions, "n", `2`},
		{provider.OpCompletions, "best_of", `2`},
		{provider.OpCompletions, "echo", `true`},
		{provider.OpCompletions, "logprobs", `1`},
		{provider.OpCompletions, "presence_penalty", `1`},
		{"generate", "parameters", `7`},
		{"generate", "inputs", `null`},
	} {
		_, err := conn.Call(t.Context(), plugintest.Request(tt.op, `{"`+tt.field+`":`+tt.value+`,"x":1}`))
		if e := plugintest.WantError(t, err, provider.CodeInvalidRequest); e.Param != tt.field || e.Source != provider.SourceCaller {
			t.Errorf("%s %s: got %+v", tt.op, tt.field, e)
		}
	}
	if len(f.Requests) > 0 {
		t.Error("a refused request was sent")
	}
}

func TestWhatAsksForNothingIsLeftOut(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	body := `{"messages":[{"role":"user","content":"hi"}],"response_format":{"type":"text"},"tools":[],"tool_choice":"auto"}`
	if _, err := open(t, f.URL).Call(t.Context(), plugintest.Request(provider.OpChat, body)); err != nil {
		t.Fatal(err)
	}
	if sent := <-f.Requests; !sameJSON(t, sent.Body, `{"model":"tgi","messages":[{"role":"user","content":"hi"}]}`) {
		t.Errorf("sent %s", sent.Body)
	}
}
