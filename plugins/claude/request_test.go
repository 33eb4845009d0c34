package main

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/backplane-dev/backplane/plugins/internal/plugintest"
	"github.com/backplane-dev/backplane/sdk/provider"
)

const (
	hi      = `"messages":[{"role":"user","content":"hi"}]`
	hiThere = `"messages":[{"role":"user","content":[{"type":"text","text":"hi"}]}]`
	weather = `{"type":"function","function":{"name":"weather","description":"Look out.","parameters":{"type":"object","properties":{"city":{"type":"string"}}},"strict":true}}`
	tool    = `{"name":"weather","description":"Look out.","input_schema":{"type":"object","properties":{"city":{"type":"string"}}},"strict":true}`
)

// translations are canonical bodies and what Claude is sent. Where they say
// nothing of it, model and max_tokens are the defaults.
var translations = map[string]struct {
	body, want string
	settings   plugintest.Settings
}{
	"the least": {body: `{` + hi + `}`, want: `{` + hiThere + `}`},
	"parameters": {
		body: `{"model":"claude-x","max_tokens":5,"max_completion_tokens":7,"temperature":0,"top_p":0.5,"top_k":3,"stop":"END","user":"u1",` + hi + `}`,
		want: `{"model":"claude-x","max_tokens":7,"temperature":0,"top_p":0.5,"top_k":3,"stop_sequences":["END"],"metadata":{"user_id":"u1"},` + hiThere + `}`,
	},
	"what is dropped": {
		body: `{"seed":1,"n":1,"store":true,"presence_penalty":0,"logprobs":false,"logit_bias":{},"modalities":["text"],"verbosity":"low","prompt_cache_key":"k","metadata":{"a":"b"},"x_null":null,` + hi + `}`,
		want: `{` + hiThere + `}`,
	},
	"a user by other names": {
		body: `{"safety_identifier":"u2","metadata":{"a":"b","user_id":"u3"},` + hi + `}`,
		want: `{"metadata":{"user_id":"u3"},` + hiThere + `}`,
	},
	"system messages": {
		body: `{"messages":[{"role":"system","content":"One."},{"role":"user","content":"hi"},{"role":"developer","content":[{"type":"text","text":"Two.","cache_control":{"type":"ephemeral"}}]}]}`,
		want: `{"system":[{"type":"text","text":"One."},{"type":"text","text":"Two.","cache_control":{"type":"ephemeral"}}],` + hiThere + `}`,
	},
	"system in Anthropic's place": {
		body: `{"system":"Zero.","messages":[{"role":"system","content":"One."},{"role":"user","content":"hi"}]}`,
		want: `{"system":[{"type":"text","text":"Zero."},{"type":"text","text":"One."}],` + hiThere + `}`,
	},
	"system in blocks": {
		body: `{"system":[{"type":"text","text":"Zero."}],` + hi + `}`,
		want: `{"system":[{"type":"text","text":"Zero."}],` + hiThere + `}`,
	},
	"images and a file": {
		body: `{"messages":[{"role":"user","cache_control":{"type":"ephemeral"},"content":[{"type":"text","text":""},{"type":"image_url","image_url":{"url":"https://example.com/a.png","detail":"low"}},
			{"type":"image_url","image_url":{"url":"data:image/jpg;base64,AAAA"}},{"type":"file","file":{"filename":"a.pdf","file_data":"data:application/pdf;base64,BBBB"}}]}]}`,
		want: `{"messages":[{"role":"user","content":[{"type":"image","source":{"type":"url","url":"https://example.com/a.png"}},
			{"type":"image","source":{"type":"base64","media_type":"image/jpeg","data":"AAAA"}},
			{"type":"document","title":"a.pdf","source":{"type":"base64","media_type":"application/pdf","data":"BBBB"},"cache_control":{"type":"ephemeral"}}]}]}`,
	},
	"Anthropic's own blocks": {
		body: `{"messages":[{"role":"user","content":[{"type":"document","source":{"type":"text","media_type":"text/plain","data":"x"},"citations":{"enabled":true}},
			{"type":"search_result","source":"s","title":"t","content":[{"type":"text","text":"c"}]}]}]}`,
		want: `{"messages":[{"role":"user","content":[{"type":"document","source":{"type":"text","media_type":"text/plain","data":"x"},"citations":{"enabled":true}},
			{"type":"search_result","source":"s","title":"t","content":[{"type":"text","text":"c"}]}]}]}`,
	},
	"tool calls and their results": {
		body: `{"tools":[` + weather + `],"messages":[{"role":"user","content":"hi"},
			{"role":"assistant","content":"I look.","reasoning_content":"not signed","tool_calls":[{"id":"call.1","type":"function","function":{"name":"weather","arguments":"{\"n\": 12345678901234567890}"}},{"id":"c2","type":"function","function":{"name":"weather","arguments":""}}]},
			{"role":"tool","tool_call_id":"call.1","content":"sun"},{"role":"tool","tool_call_id":"c2","is_error":true,"content":[{"type":"text","text":"none"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}]},
			{"role":"user","content":"and now?"}]}`,
		want: `{"tools":[` + tool + `],"messages":[{"role":"user","content":[{"type":"text","text":"hi"}]},
			{"role":"assistant","content":[{"type":"text","text":"I look."},{"type":"tool_use","id":"call_1","name":"weather","input":{"n":12345678901234567890}},{"type":"tool_use","id":"c2","name":"weather","input":{}}]},
			{"role":"user","content":[{"type":"tool_result","tool_use_id":"call_1","content":[{"type":"text","text":"sun"}]},
				{"type":"tool_result","tool_use_id":"c2","is_error":true,"content":[{"type":"text","text":"none"},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AAAA"}}]},
				{"type":"text","text":"and now?"}]}]}`,
	},
	"thinking sent back": {
		body: `{"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":null,"reasoning_content":"mm","thinking_blocks":[{"type":"thinking","thinking":"mm","signature":"c2ln"},{"type":"redacted_thinking","data":"cmVk"}],"tool_calls":[{"id":"c1","type":"function","function":{"name":"weather","arguments":"{}"}}]},{"role":"tool","tool_call_id":"c1","content":"sun"}]}`,
		want: `{"messages":[{"role":"user","content":[{"type":"text","text":"hi"}]},{"role":"assistant","content":[{"type":"thinking","thinking":"mm","signature":"c2ln"},{"type":"redacted_thinking","data":"cmVk"},{"type":"tool_use","id":"c1","name":"weather","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"c1","content":[{"type":"text","text":"sun"}]}]}]}`,
	},
	"an answer's blocks sent back": {
		body: `{"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"ab","content_blocks":[{"type":"text","text":"a"},{"type":"server_tool_use","id":"srvtoolu_1","name":"web_search","input":{}},{"type":"text","text":"b"}]},{"role":"user","content":"go on"}]}`,
		want: `{"messages":[{"role":"user","content":[{"type":"text","text":"hi"}]},{"role":"assistant","content":[{"type":"text","text":"a"},{"type":"server_tool_use","id":"srvtoolu_1","name":"web_search","input":{}},{"type":"text","text":"b"}]},{"role":"user","content":[{"type":"text","text":"go on"}]}]}`,
	},
	"empty answers and refusals": {
		body: `{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":""},{"role":"user","content":"b"},{"role":"assistant","content":null,"refusal":"No."},{"role":"user","content":"c"}]}`,
		want: `{"messages":[{"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]},{"role":"assistant","content":[{"type":"text","text":"No."}]},{"role":"user","content":[{"type":"text","text":"c"}]}]}`,
	},
	"a tool without parameters, one of Anthropic's and a marked one": {
		body: `{"tools":[{"type":"function","function":{"name":"now"}},{"type":"function","function":{"name":"then","parameters":{"properties":{}}},"cache_control":{"type":"ephemeral"}},{"type":"web_search_20250305","name":"web_search","max_uses":2},{"name":"own","input_schema":{"type":"object"}}],"tool_choice":"required",` + hi + `}`,
		want: `{"tools":[{"name":"now","input_schema":{"type":"object","properties":{}}},{"name":"then","input_schema":{"type":"object","properties":{}},"cache_control":{"type":"ephemeral"}},{"type":"web_search_20250305","name":"web_search","max_uses":2},{"name":"own","input_schema":{"type":"object"}}],"tool_choice":{"type":"any"},` + hiThere + `}`,
	},
	"a function by name, one at a time": {
		body: `{"tools":[` + weather + `],"tool_choice":{"type":"function","function":{"name":"weather"}},"parallel_tool_calls":false,` + hi + `}`,
		want: `{"tools":[` + tool + `],"tool_choice":{"type":"tool","name":"weather","disable_parallel_tool_use":true},` + hiThere + `}`,
	},
	"one tool at a time": {
		body: `{"tools":[` + weather + `],"parallel_tool_calls":false,` + hi + `}`,
		want: `{"tools":[` + tool + `],"tool_choice":{"type":"auto","disable_parallel_tool_use":true},` + hiThere + `}`,
	},
	"no tool":             {body: `{"tools":[` + weather + `],"tool_choice":"none","parallel_tool_calls":false,` + hi + `}`, want: `{"tools":[` + tool + `],"tool_choice":{"type":"none"},` + hiThere + `}`},
	"a choice of nothing": {body: `{"tool_choice":"auto","parallel_tool_calls":false,` + hi + `}`, want: `{` + hiThere + `}`},
	"a choice in Anthropic's words": {
		body: `{"tools":[` + weather + `],"tool_choice":{"type":"any","disable_parallel_tool_use":true},` + hi + `}`,
		want: `{"tools":[` + tool + `],"tool_choice":{"type":"any","disable_parallel_tool_use":true},` + hiThere + `}`,
	},
	"a schema": {
		body: `{"response_format":{"type":"json_schema","json_schema":{"name":"s","strict":true,"schema":{"type":"object","additionalProperties":false}}},` + hi + `}`,
		want: `{"output_config":{"format":{"type":"json_schema","schema":{"type":"object","additionalProperties":false}}},` + hiThere + `}`,
	},
	"plain text":             {body: `{"response_format":{"type":"text"},` + hi + `}`, want: `{` + hiThere + `}`},
	"a budget":               {body: `{"reasoning_effort":"medium",` + hi + `}`, want: `{"max_tokens":12288,"thinking":{"type":"enabled","budget_tokens":8192},` + hiThere + `}`},
	"a budget within limits": {body: `{"reasoning_effort":"high","max_tokens":5000,` + hi + `}`, want: `{"max_tokens":5000,"thinking":{"type":"enabled","budget_tokens":4000},` + hiThere + `}`},
	"no thinking":            {body: `{"reasoning_effort":"none",` + hi + `}`, want: `{` + hiThere + `}`},
	"an effort": {
		body: `{"model":"claude-opus-4-7","reasoning_effort":"minimal","output_config":{"format":null},` + hi + `}`,
		want: `{"model":"claude-opus-4-7","thinking":{"type":"adaptive"},"output_config":{"format":null,"effort":"low"},` + hiThere + `}`,
	},
	"an effort by setting": {
		settings: plugintest.Settings{"thinking": "adaptive", "max_tokens": 100},
		body:     `{"reasoning_effort":"high",` + hi + `}`, want: `{"max_tokens":100,"thinking":{"type":"adaptive"},"output_config":{"effort":"high"},` + hiThere + `}`,
	},
	"a budget by setting": {
		settings: plugintest.Settings{"thinking": "budget"},
		body:     `{"model":"claude-opus-5","reasoning_effort":"low",` + hi + `}`, want: `{"model":"claude-opus-5","max_tokens":6144,"thinking":{"type":"enabled","budget_tokens":2048},` + hiThere + `}`,
	},
	"the caller's own thinking": {
		body: `{"reasoning_effort":"high","thinking":{"type":"enabled","budget_tokens":2000},` + hi + `}`,
		want: `{"thinking":{"type":"enabled","budget_tokens":2000},` + hiThere + `}`,
	},
	"the caller's own effort": {
		body: `{"model":"claude-opus-4-7","reasoning_effort":"high","output_config":{"effort":"max"},` + hi + `}`,
		want: `{"model":"claude-opus-4-7","thinking":{"type":"adaptive"},"output_config":{"effort":"max"},` + hiThere + `}`,
	},
	"parts of an earlier answer": {
		body: `{"messages":[{"role":"user","content":"a"},{"role":"assistant","annotations":[],"name":"x","content":[{"type":"text","text":"b","cache_control":{"type":"ephemeral"}},{"type":"refusal","refusal":"No."},{"type":"refusal","refusal":""}]},{"role":"user","content":"c"}]}`,
		want: `{"messages":[{"role":"user","content":[{"type":"text","text":"a"}]},{"role":"assistant","content":[{"type":"text","text":"b","cache_control":{"type":"ephemeral"}},{"type":"text","text":"No."}]},{"role":"user","content":[{"type":"text","text":"c"}]}]}`,
	},
	"service tiers": {body: `{"service_tier":"default",` + hi + `}`, want: `{"service_tier":"standard_only",` + hiThere + `}`},
	"Anthropic's own fields": {
		body: `{"cache_control":{"type":"ephemeral","ttl":"1h"},"stop_sequences":["X"],"inference_geo":"us",` + hi + `}`,
		want: `{"cache_control":{"type":"ephemeral","ttl":"1h"},"stop_sequences":["X"],"inference_geo":"us",` + hiThere + `}`,
	},
	"dropped because of the setting": {
		settings: plugintest.Settings{"drop_unsupported": true},
		body:     `{"n":2,"presence_penalty":1,"frequency_penalty":1,"logprobs":true,"top_logprobs":2,"logit_bias":{"1":2},"modalities":["text","audio"],"audio":{"voice":"v"},"functions":[{}],"response_format":{"type":"json_object"},"temperature":1.5,` + hi + `}`,
		want:     `{"temperature":1,` + hiThere + `}`,
	},
}

func TestRequestsAreTranslated(t *testing.T) {
	t.Parallel()
	for name, tt := range translations {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlatform(t, "message")
			if _, err := openWith(t, p.URL, testKey, tt.settings).Call(t.Context(), plugintest.Request(provider.OpChat, tt.body)); err != nil {
				t.Fatal(err)
			}
			got := <-p.Requests
			want := map[string]any{"model": defaultModel, "max_tokens": number(defaultMaxTokens)}
			decode(t, tt.want, &want)
			sent := map[string]any{}
			decode(t, got.Body, &sent)
			if !reflect.DeepEqual(sent, want) {
				t.Errorf("got  %s\nwant %s", got.Body, encoded(want))
			}
		})
	}
}

func TestWhatClaudeCannotDoIsSaidWithTheFieldsName(t *testing.T) {
	t.Parallel()
	conn := open(t, plugintest.Serve(t, nil))
	for param, body := range map[string]string{
		"n":                   `{"n":2,` + hi + `}`,
		"presence_penalty":    `{"presence_penalty":0.5,` + hi + `}`,
		"frequency_penalty":   `{"frequency_penalty":-1,` + hi + `}`,
		"logit_bias":          `{"logit_bias":{"1":5},` + hi + `}`,
		"logprobs":            `{"logprobs":true,` + hi + `}`,
		"top_logprobs":        `{"top_logprobs":3,` + hi + `}`,
		"modalities":          `{"modalities":["text","audio"],` + hi + `}`,
		"audio":               `{"audio":{"voice":"v"},` + hi + `}`,
		"functions":           `{"functions":[{"name":"f"}],` + hi + `}`,
		"function_call":       `{"function_call":"auto",` + hi + `}`,
		"web_search_options":  `{"web_search_options":{"search_context_size":"low"},` + hi + `}`,
		"temperature":         `{"temperature":1.2,` + hi + `}`,
		"response_format":     `{"response_format":{"type":"json_object"},` + hi + `}`,
		"reasoning_effort":    `{"reasoning_effort":"huge",` + hi + `}`,
		"max_tokens":          `{"reasoning_effort":"low","max_tokens":1000,` + hi + `}`,
		"service_tier":        `{"service_tier":"flex",` + hi + `}`,
		"tool_choice":         `{"tools":[` + weather + `],"tool_choice":{"type":"allowed_tools"},` + hi + `}`,
		"tools[0]":            `{"tools":[{"type":"custom","custom":{"name":"c"}}],` + hi + `}`,
		"tools[0].function":   `{"tools":[{"type":"function"}],` + hi + `}`,
		"output_config":       `{"output_config":1,` + hi + `}`,
		"system":              `{"system":1,` + hi + `}`,
		"messages":            `{"messages":[{"role":"system","content":"One."}]}`,
		"messages[0].role":    `{"messages":[{"role":"critic","content":"x"}]}`,
		"messages[0].content": `{"messages":[{"role":"user","content":""}]}`,
		"messages[1].role":    `{"messages":[{"role":"user","content":"a"},{"role":"function","name":"f","content":"x"}]}`,

		"response_format.json_schema.schema":           `{"response_format":{"type":"json_schema","json_schema":{"name":"s"}},` + hi + `}`,
		"tools[0].function.parameters":                 `{"tools":[{"type":"function","function":{"name":"f","parameters":7}}],` + hi + `}`,
		"messages[1].content[0]":                       `{"messages":[{"role":"user","content":"a"},{"role":"system","content":[{"type":"image_url","image_url":{"url":"https://example.com/a.png"}}]}]}`,
		"messages[1].content[0].image_url.url":         `{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":[{"type":"image_url","image_url":{"url":"ftp://x"}}]}]}`,
		"messages[2].content[0].image_url":             `{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"},{"role":"tool","tool_call_id":"c","content":[{"type":"image_url"}]}]}`,
		"messages[0].tool_call_id":                     `{"messages":[{"role":"tool","content":"x"}]}`,
		"messages[0].content[0]":                       `{"messages":[{"role":"user","content":[{"type":"input_audio","input_audio":{"data":"x","format":"mp3"}}]}]}`,
		"messages[0].content[1].image_url.url":         `{"messages":[{"role":"user","content":[{"type":"text","text":"x"},{"type":"image_url","image_url":{"url":"data:image/tiff;base64,AAAA"}}]}]}`,
		"messages[0].content[0].file.file_data":        `{"messages":[{"role":"user","content":[{"type":"file","file":{"file_id":"file-1"}}]}]}`,
		"messages[0].content[0].image_url":             `{"messages":[{"role":"user","content":[{"type":"image_url"}]}]}`,
		"messages[0].tool_calls[0].function.arguments": `{"messages":[{"role":"assistant","tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"[1]"}}]}]}`,
		"messages[0].tool_calls[0].function.name":      `{"messages":[{"role":"assistant","tool_calls":[{"id":"c","type":"function","function":{"arguments":"{}"}}]}]}`,
		"messages[0].thinking_blocks":                  `{"messages":[{"role":"assistant","content":"x","thinking_blocks":"mm"}]}`,
		"messages[0].content_blocks":                   `{"messages":[{"role":"assistant","content":"x","content_blocks":"mm"}]}`,
	} {
		_, err := conn.Call(t.Context(), plugintest.Request(provider.OpChat, body))
		if e := plugintest.WantError(t, err, provider.CodeInvalidRequest); e.Param != param || e.Source != provider.SourceCaller {
			t.Errorf("%s: got %+v", param, e)
		}
	}
}

func TestAnAnswerOfNoLengthIsRefused(t *testing.T) {
	t.Parallel()
	conn := open(t, plugintest.Serve(t, nil))
	for _, field := range []string{"max_tokens", "max_completion_tokens"} {
		_, err := conn.Call(t.Context(), plugintest.Request(provider.OpChat, `{"`+field+`":0,`+hi+`}`))
		if e := plugintest.WantError(t, err, provider.CodeInvalidRequest); e.Param != "max_tokens" {
			t.Errorf("got %+v", e)
		}
	}
}

func TestTheWayToThinkGoesByTheModel(t *testing.T) {
	t.Parallel()
	e := &endpoint{own: ownSettings{Thinking: thinkAuto}}
	for model, want := range map[string]bool{
		"claude-3-7-sonnet-latest": false, "claude-opus-4-0": false, "claude-sonnet-4-20250514": false, "claude-opus-4-1": false,
		"claude-opus-4-1-20250805": false, "claude-sonnet-4-5": false, "claude-haiku-4-5-20251001": false, "tiny-chat": false,
		"claude-opus-4-6": true, "claude-sonnet-4-6": true, "claude-opus-4-7": true, "claude-mythos-preview": true, "claude-opus-5": true,
		"claude-opus-4-10": true,
	} {
		if got := e.adaptive(model); got != want {
			t.Errorf("%s: got %v, want %v", model, got, want)
		}
	}
}

// number is a number as decode reads it: exactly.
func number(n int64) json.Number { return json.Number(encoded(n)) }
