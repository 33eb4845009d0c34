package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/plugins/internal/plugintest"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// sent returns what Ollama gets for a chat request.
func sent(t *testing.T, settings plugintest.Settings, body string) string {
	t.Helper()
	s := newFake(t)
	if settings == nil {
		settings = plugintest.Settings{}
	}
	settings["base_url"] = s.URL
	if _, err := plugintest.Open(t, New(), settings, "").Call(t.Context(), plugintest.Request(provider.OpChat, body)); err != nil {
		t.Fatal(err)
	}
	return (<-s.Requests).Body
}

func TestAConversationIsTranslated(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ body, want string }{
		"texts and images": {
			`{"model":"m","messages":[{"role":"developer","content":"Be brief."},{"role":"user","content":[{"type":"text","text":"What"},{"type":"image_url","image_url":{"url":"data:image/png;base64,QUJD"}},{"type":"text","text":"is it?"}]}]}`,
			`{"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"What\nis it?","images":["QUJD"]}],"model":"m","stream":false}`,
		},
		"calls, thoughts and results": {
			`{"model":"m","messages":[{"role":"user","content":"a"},{"role":"assistant","content":null,"reasoning_content":"hm","tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":"{\"n\":12345678901234567890}"}},{"id":"c2","type":"function","function":{"name":"g","arguments":""}}]},{"role":"tool","tool_call_id":"c2","content":"2"},{"role":"tool","tool_call_id":"c1","content":"1"}]}`,
			`{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"","thinking":"hm","tool_calls":[{"id":"c1","function":{"name":"f","arguments":{"n":12345678901234567890}}},{"id":"c2","function":{"name":"g","arguments":{}}}]},{"role":"tool","content":"2","tool_name":"g","tool_call_id":"c2"},{"role":"tool","content":"1","tool_name":"f","tool_call_id":"c1"}],"model":"m","stream":false}`,
		},
		"options": {
			`{"model":"m","messages":[],"max_tokens":9,"max_completion_tokens":5,"temperature":0,"top_p":0.5,"top_k":3,"seed":7,"stop":"END","presence_penalty":0.1,"frequency_penalty":0.2,"num_ctx":4096,"repeat_penalty":1.1,"options":{"min_p":0.05,"seed":8},"keep_alive":"5m","think":true,"user":"u","metadata":{"a":"b"},"x_new":{"n":12345678901234567890}}`,
			`{"keep_alive":"5m","messages":[],"model":"m","options":{"frequency_penalty":0.2,"min_p":0.05,"num_ctx":4096,"num_predict":5,"presence_penalty":0.1,"repeat_penalty":1.1,"seed":8,"stop":["END"],"temperature":0,"top_k":3,"top_p":0.5},"stream":false,"think":true,"x_new":{"n":12345678901234567890}}`,
		},
		"tools": {
			`{"model":"m","messages":[],"tool_choice":"auto","parallel_tool_calls":true,"tools":[{"type":"function","function":{"name":"f","strict":true}},{"type":"function","function":{"name":"g","description":"d","parameters":{"type":"object"}}}]}`,
			`{"messages":[],"model":"m","stream":false,"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{}}}},{"type":"function","function":{"name":"g","description":"d","parameters":{"type":"object"}}}]}`,
		},
		"tools that must not be called": {
			`{"model":"m","messages":[],"tool_choice":"none","tools":[{"type":"function","function":{"name":"f"}}]}`,
			`{"messages":[],"model":"m","stream":false}`,
		},
		"JSON":           {`{"model":"m","messages":[],"response_format":{"type":"json_object"}}`, `{"format":"json","messages":[],"model":"m","stream":false}`},
		"a schema":       {`{"model":"m","messages":[],"response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object"}}}}`, `{"format":{"type":"object"},"messages":[],"model":"m","stream":false}`},
		"text":           {`{"model":"m","messages":[],"response_format":{"type":"text"}}`, `{"messages":[],"model":"m","stream":false}`},
		"no thoughts":    {`{"model":"m","messages":[],"reasoning_effort":"none"}`, `{"messages":[],"model":"m","stream":false,"think":false}`},
		"few thoughts":   {`{"model":"m","messages":[],"reasoning_effort":"minimal"}`, `{"messages":[],"model":"m","stream":false,"think":"low"}`},
		"many thoughts":  {`{"model":"m","messages":[],"reasoning_effort":"high"}`, `{"messages":[],"model":"m","stream":false,"think":"high"}`},
		"harmless words": {`{"model":"m","messages":[],"n":1,"logit_bias":{},"modalities":["text"],"audio":null}`, `{"messages":[],"model":"m","stream":false}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := sent(t, nil, tt.body); got != tt.want {
				t.Errorf("sent %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestSettingsFillInWhatARequestDoesNotSay(t *testing.T) {
	t.Parallel()
	settings := func() plugintest.Settings { return plugintest.Settings{"keep_alive": "10m", "num_ctx": 8192} }
	if got := sent(t, settings(), `{"model":"m","messages":[]}`); got != `{"keep_alive":"10m","messages":[],"model":"m","options":{"num_ctx":8192},"stream":false}` {
		t.Errorf("sent %s", got)
	}
	if got := sent(t, settings(), `{"model":"m","messages":[],"keep_alive":0,"options":{"num_ctx":1}}`); got != `{"keep_alive":0,"messages":[],"model":"m","options":{"num_ctx":1},"stream":false}` {
		t.Errorf("sent %s", got)
	}
	if got := sent(t, plugintest.Settings{"keep_alive": "-1"}, `{"model":"m","messages":[]}`); got != `{"keep_alive":-1,"messages":[],"model":"m","stream":false}` {
		t.Errorf("sent %s", got)
	}
}

func TestWhatOllamaCannotDoIsRefusedByName(t *testing.T) {
	t.Parallel()
	conn := open(t, "http://127.0.0.1:1")
	for field, param := range map[string]string{
		`"n":2`:                                    "n",
		`"logit_bias":{"1":2}`:                     "logit_bias",
		`"modalities":["text","audio"]`:            "modalities",
		`"functions":[{"name":"f"}]`:               "functions",
		`"tool_choice":"required"`:                 "tool_choice",
		`"tools":[{"type":"web_search"}]`:          "tools",
		`"response_format":{"type":"xml"}`:         "response_format",
		`"options":7`:                              "options",
		`"response_format":{"type":"json_schema"}`: "response_format",
		`"parallel_tool_calls":false,"tools":[{"type":"function","function":{"name":"f"}}]`:                             "parallel_tool_calls",
		`"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://example.com/a.png"}}]}]`: "messages",
		`"messages":[{"role":"user","content":[{"type":"input_audio","input_audio":{}}]}]`:                              "messages",
		`"messages":[{"role":"assistant","tool_calls":[{"id":"c","function":{"name":"f","arguments":"[1]"}}]}]`:         "messages",
		`"messages":[{"role":"assistant","tool_calls":[{"id":"c","function":{"name":"f","arguments":"{\"city\":"}}]}]`:  "messages",
	} {
		body := `{"model":"m",` + field + `}`
		if !strings.Contains(field, `"messages"`) {
			body = `{"model":"m","messages":[],` + field + `}`
		}
		for _, err := range []error{callError(t, body), streamError(t, body)} {
			if e := plugintest.WantError(t, err, provider.CodeInvalidRequest); e.Param != param || e.Source != provider.SourceCaller {
				t.Errorf("%s: got %+v", field, e)
			}
		}
	}
	_, err := conn.Call(t.Context(), plugintest.Request(provider.OpChat, `{"messages":[]}`))
	if e := plugintest.WantError(t, err, provider.CodeInvalidRequest); e.Param != "model" {
		t.Errorf("got %+v", e)
	}
}

func callError(t *testing.T, body string) error {
	t.Helper()
	_, err := open(t, "http://127.0.0.1:1").Call(t.Context(), plugintest.Request(provider.OpChat, body))
	return err
}

func streamError(t *testing.T, body string) error {
	t.Helper()
	_, err := plugintest.Stream(t, open(t, "http://127.0.0.1:1"), plugintest.Request(provider.OpChat, body))
	return err
}

const toolAnswer = `{"model":"m","created_at":"2026-01-01T00:00:00Z","message":{"role":"assistant","content":"","thinking":"hm","tool_calls":[{"id":"call_1","function":{"index":0,"name":"f","arguments":{"city": "Bern"}}},{"function":{"name":"g","arguments":{}}}]},"done":true,"done_reason":"stop","total_duration":9,"load_duration":1,"prompt_eval_count":7,"prompt_eval_duration":2,"eval_count":4,"eval_duration":3}`

func TestAnAnswerIsTranslated(t *testing.T) {
	t.Parallel()
	url := plugintest.Serve(t, func(w http.ResponseWriter, _ *http.Request) {
		plugintest.Write(w, http.StatusOK, "application/json", toolAnswer)
	})
	got, err := open(t, url).Call(t.Context(), plugintest.Request(provider.OpChat, request1))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"id":"chatcmpl-req_host","object":"chat.completion","created":1767225600,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":null,"refusal":null,"reasoning_content":"hm",` +
		`"tool_calls":[{"id":"call_1","type":"function","function":{"name":"f","arguments":"{\"city\":\"Bern\"}"}},{"id":"call_req_host_1","type":"function","function":{"name":"g","arguments":"{}"}}]},` +
		`"finish_reason":"tool_calls","logprobs":null}],"usage":{"prompt_tokens":7,"completion_tokens":4,"total_tokens":11},` +
		`"ollama":{"done_reason":"stop","eval_duration":3,"load_duration":1,"prompt_eval_duration":2,"total_duration":9}}`
	if string(got.Body) != want {
		t.Errorf("got  %s\nwant %s", got.Body, want)
	}
	if got.FinishReason != "tool_calls" || *got.Usage != (provider.Usage{Input: 7, Output: 4, Total: 11}) {
		t.Errorf("reported %+v", got.Meta)
	}
}

func TestAStreamIsTranslated(t *testing.T) {
	t.Parallel()
	line := func(message, rest string) string {
		return `{"model":"m","created_at":"2026-01-01T00:00:00Z","message":` + message + `,"done":` + rest + "}\n"
	}
	url := plugintest.Serve(t, func(w http.ResponseWriter, _ *http.Request) {
		plugintest.WriteParts(w, lines,
			line(`{"role":"assistant","content":"","thinking":"hm"}`, "false"),
			line(`{"role":"assistant","content":"a\u00e9"}`, "false")+line(`{"role":"assistant","content":"","tool_calls":[{"function":{"name":"f","arguments":{"x":1}}}]}`, "false"),
			line(`{"role":"assistant","content":"","tool_calls":[{"id":"c","function":{"name":"g","arguments":{}}}]}`, "false"),
			line(`{"role":"assistant","content":""}`, `true,"done_reason":"stop","total_duration":9,"prompt_eval_count":7,"eval_count":4`))
	})
	got, err := plugintest.Stream(t, open(t, url), plugintest.Request(provider.OpChat, `{"model":"m","messages":[],"stream_options":{"include_usage":true}}`))
	if err != nil {
		t.Fatal(err)
	}
	var deltas []string
	for _, c := range got.Chunks {
		var chunk struct {
			ID      string            `json:"id"`
			Choices []json.RawMessage `json:"choices"`
		}
		if err := json.Unmarshal([]byte(c), &chunk); err != nil || chunk.ID != "chatcmpl-req_host" {
			t.Fatal(c, err)
		}
		for _, choice := range chunk.Choices {
			deltas = append(deltas, string(choice))
		}
	}
	want := []string{
		`{"index":0,"delta":{"role":"assistant","reasoning_content":"hm"},"logprobs":null,"finish_reason":null}`,
		`{"index":0,"delta":{"content":"aé"},"logprobs":null,"finish_reason":null}`,
		`{"index":0,"delta":{"tool_calls":[{"index":0,"id":"call_req_host_0","type":"function","function":{"name":"f","arguments":"{\"x\":1}"}}]},"logprobs":null,"finish_reason":null}`,
		`{"index":0,"delta":{"tool_calls":[{"index":1,"id":"c","type":"function","function":{"name":"g","arguments":"{}"}}]},"logprobs":null,"finish_reason":null}`,
		`{"index":0,"delta":{},"logprobs":null,"finish_reason":"tool_calls"}`,
	}
	if strings.Join(deltas, "\n") != strings.Join(want, "\n") {
		t.Errorf("got  %s\nwant %s", strings.Join(deltas, "\n"), strings.Join(want, "\n"))
	}
	if last := got.Chunks[len(got.Chunks)-1]; !strings.Contains(last, `"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":4,"total_tokens":11}`) {
		t.Errorf("the caller asked for usage and got %s last", last)
	}
	if got.Finish.Reason != "tool_calls" || *got.Finish.Usage != (provider.Usage{Input: 7, Output: 4, Total: 11}) || got.Meta.Model != "m" {
		t.Errorf("finished with %+v, began with %+v", got.Finish, got.Meta)
	}
}

func TestEmbeddingsAreTranslated(t *testing.T) {
	t.Parallel()
	s := newFake(t)
	conn := open(t, s.URL)
	got, err := conn.Call(t.Context(), plugintest.Request(provider.OpEmbeddings, `{"model":"m","input":"a","encoding_format":"base64","dimensions":2,"truncate":false}`))
	if err != nil || !strings.Contains(string(got.Body), `"embedding":"AAAAPwAAAL8="`) || got.Usage.Input != 3 {
		t.Errorf("got %+v, %v", got, err)
	}
	if sent := <-s.Requests; sent.Line() != "POST /api/embed" || sent.Body != `{"dimensions":2,"input":"a","model":"m","truncate":false}` {
		t.Errorf("sent %s %s", sent.Line(), sent.Body)
	}
	for body, code := range map[string]provider.Code{
		`{"model":"m","input":[1,2]}`: provider.CodeInvalidRequest,
		`{"input":"a"}`:               provider.CodeInvalidRequest,
		`{"model":"m","input":"a","encoding_format":"integers"}`: provider.CodeInvalidRequest,
		`{"model":"m","input":["a","b"]}`:                        provider.CodeProtocol, // the fake has one vector
	} {
		_, err := conn.Call(t.Context(), plugintest.Request(provider.OpEmbeddings, body))
		plugintest.WantError(t, err, code)
	}
}

func TestModelsKeepWhatOllamaSaysOfThem(t *testing.T) {
	t.Parallel()
	got, err := open(t, newFake(t).URL).Call(t.Context(), plugintest.Request(provider.OpModels, `{}`))
	want := `{"object":"list","data":[{"id":"m:latest","object":"model","created":1767225600,"owned_by":"ollama","details":{"family":"llama"},"digest":"d","model":"m:latest","modified_at":"2026-01-01T00:00:00Z","size":7}]}`
	if err != nil || string(got.Body) != want {
		t.Errorf("got %s, %v", got.Body, err)
	}
}
