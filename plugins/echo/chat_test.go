package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/sdk/client"
	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/providertest"
	"github.com/backplane-dev/backplane/sdk/schema"
)

// dial opens the endpoint "e" with the given settings.
func dial(t *testing.T, settings string) *client.Conn {
	t.Helper()
	conn := providertest.Dial(t, New())
	diags, err := conn.OpenEndpoint(t.Context(), provider.EndpointConfig{
		ID: "e", Revision: 1, Settings: provider.NewSettings(json.RawMessage(settings)),
	})
	if err != nil || schema.HasErrors(diags) {
		t.Fatalf("open with %s: %v %v", settings, err, diags)
	}
	return conn
}

func request(operation, body string) *provider.Request {
	return &provider.Request{Endpoint: "e", Operation: operation, RequestID: "r1", Body: []byte(body)}
}

// chat makes a call and decodes the answer.
func chat(t *testing.T, conn *client.Conn, body string) *provider.ChatResponse {
	t.Helper()
	resp, err := conn.Call(t.Context(), request(provider.OpChat, body))
	if err != nil {
		t.Fatal(err)
	}
	return decode[provider.ChatResponse](t, resp.Body)
}

// stream collects the chunks and the end of a stream.
func stream(t *testing.T, conn *client.Conn, req *provider.Request) (chunks [][]byte, finish *provider.Finish, err error) {
	t.Helper()
	events, err := conn.Stream(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	defer events.Close()
	for finish == nil {
		event, err := events.Next()
		if err != nil {
			return chunks, nil, err
		}
		for _, c := range event.Chunks {
			chunks = append(chunks, append([]byte(nil), c...))
		}
		finish = event.Finish
	}
	return chunks, finish, nil
}

func decode[T any](t *testing.T, data []byte) *T {
	t.Helper()
	v := new(T)
	if err := json.Unmarshal(data, v); err != nil {
		t.Fatalf("decode %s: %v", data, err)
	}
	return v
}

func readTestdata(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestChatSaysTheLastMessageBackAndCountsWords(t *testing.T) {
	t.Parallel()
	got := chat(t, dial(t, `{}`), `{"model":"echo-1","messages":[
		{"role":"system","content":"be brief"},
		{"role":"user","content":[{"type":"text","text":"hello  brave "},{"type":"text","text":"world"}]}]}`)
	choice := got.Choices[0]
	if choice.Message.Content == nil || *choice.Message.Content != "hello brave world" || choice.FinishReason != "stop" {
		t.Errorf("choice is %+v, want the words and stop", choice)
	}
	if got.Model != "echo-1" || got.ID != "chatcmpl-r1" {
		t.Errorf("model %q id %q, want echo-1 and chatcmpl-r1", got.Model, got.ID)
	}
	if want := (provider.ChatUsage{PromptTokens: 5, CompletionTokens: 3, TotalTokens: 8}); *got.Usage != want {
		t.Errorf("usage is %+v, want %+v", *got.Usage, want)
	}
}

func TestChatStopsAtTheTokenLimit(t *testing.T) {
	t.Parallel()
	conn := dial(t, `{}`)
	for field, want := range map[string]string{
		`"max_tokens":2`:                             "one two",
		`"max_completion_tokens":1`:                  "one",
		`"max_completion_tokens":0`:                  "",
		`"max_tokens":1,"max_completion_tokens":2`:   "one two",
		`"max_completion_tokens":-1,"max_tokens":99`: "",
	} {
		got := chat(t, conn, `{"messages":[{"role":"user","content":"one two three"}],`+field+`}`).Choices[0]
		if *got.Message.Content != want || got.FinishReason != "length" {
			t.Errorf("%s: %q (%s), want %q (length)", field, *got.Message.Content, got.FinishReason, want)
		}
	}
}

func TestStreamSendsAChunkForEachWord(t *testing.T) {
	t.Parallel()
	req := request(provider.OpChat, `{"messages":[{"role":"user","content":"one two"}],"stream":true}`)
	chunks, finish, err := stream(t, dial(t, `{}`), req)
	if err != nil {
		t.Fatal(err)
	}
	var text []string
	for _, raw := range chunks {
		chunk := decode[provider.ChatChunk](t, raw)
		if chunk.Usage != nil {
			t.Errorf("chunk %s has usage, which nobody asked for", raw)
		}
		if content := chunk.Choices[0].Delta.Content; content != nil {
			text = append(text, *content)
		}
	}
	if got := strings.Join(text, "|"); got != "one| two" {
		t.Errorf("contents are %q, want %q", got, "one| two")
	}
	if first := decode[provider.ChatChunk](t, chunks[0]); first.Choices[0].Delta.Role != "assistant" {
		t.Errorf("the first chunk is %s, want the role", chunks[0])
	}
	if finish.Reason != "stop" || finish.Usage.Total != 4 {
		t.Errorf("finish is %+v with usage %+v, want stop and 4 tokens", finish, finish.Usage)
	}
}

func TestToolCallsAreStreamedInFragments(t *testing.T) {
	t.Parallel()
	chunks, finish, err := stream(t, dial(t, `{}`), request(provider.OpChat, readTestdata(t, "tools.json")))
	if err != nil {
		t.Fatal(err)
	}
	var name, arguments strings.Builder
	fragments := 0
	for _, raw := range chunks {
		for _, choice := range decode[provider.ChatChunk](t, raw).Choices {
			for _, call := range choice.Delta.ToolCalls {
				fragments++
				name.WriteString(call.Function.Name)
				arguments.WriteString(call.Function.Arguments)
			}
		}
	}
	if name.String() != "get_weather" || fragments < 2 {
		t.Errorf("called %q in %d fragments, want get_weather in several", name.String(), fragments)
	}
	if want := `{"prompt":"please call get_weather for Berlin"}`; arguments.String() != want {
		t.Errorf("arguments are %s, want %s", arguments.String(), want)
	}
	last := decode[provider.ChatChunk](t, chunks[len(chunks)-1])
	if last.Usage == nil || len(last.Choices) != 0 || finish.Reason != "tool_calls" {
		t.Errorf("the end is %s (%s), want the usage and tool_calls", chunks[len(chunks)-1], finish.Reason)
	}
}

func TestToolsAreCalledByRule(t *testing.T) {
	t.Parallel()
	const tools = `"tools":[{"type":"function","function":{"name":"first"}},{"type":"function","function":{"name":"second"}}]`
	conn := dial(t, `{}`)
	for _, tt := range []struct{ name, messages, choice, want string }{
		{"the prompt names one", `[{"role":"user","content":"use second now"}]`, `"auto"`, "second"},
		{"the prompt names none", `[{"role":"user","content":"hello"}]`, `"auto"`, ""},
		{"none is allowed", `[{"role":"user","content":"use second"}]`, `"none"`, ""},
		{"one is required", `[{"role":"user","content":"hello"}]`, `"required"`, "first"},
		{"one is named", `[{"role":"user","content":"hello"}]`, `{"type":"function","function":{"name":"second"}}`, "second"},
		{"an unknown one is named", `[{"role":"user","content":"hello"}]`, `{"type":"function","function":{"name":"third"}}`, ""},
		{"a tool has answered", `[{"role":"user","content":"use second"},{"role":"tool","content":"second says 4"}]`, `"auto"`, ""},
	} {
		choice := chat(t, conn, `{"messages":`+tt.messages+`,"tool_choice":`+tt.choice+`,`+tools+`}`).Choices[0]
		got := ""
		if len(choice.Message.ToolCalls) > 0 {
			got = choice.Message.ToolCalls[0].Function.Name
		}
		if got != tt.want || (choice.FinishReason == "tool_calls") != (tt.want != "") {
			t.Errorf("%s: called %q (%s), want %q", tt.name, got, choice.FinishReason, tt.want)
		}
	}
}

func TestTheResultOfAToolIsSaidBack(t *testing.T) {
	t.Parallel()
	got := chat(t, dial(t, `{}`), `{"messages":[{"role":"user","content":"weather?"},
		{"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"w","arguments":"{}"}}]},
		{"role":"tool","tool_call_id":"c1","content":"rain"}]}`)
	if text := *got.Choices[0].Message.Content; text != "rain" {
		t.Errorf("answer is %q, want %q", text, "rain")
	}
}

func TestCompletionsJoinTheirPromptsAndStopAtTheLimit(t *testing.T) {
	t.Parallel()
	conn := dial(t, `{}`)
	resp, err := conn.Call(t.Context(), request(provider.OpCompletions, readTestdata(t, "completion.json")))
	if err != nil {
		t.Fatal(err)
	}
	got := decode[completion](t, resp.Body)
	if c := got.Choices[0]; c.Text != "one two" || *c.FinishReason != "length" {
		t.Errorf("choice is %+v, want two words and length", c)
	}
	if got.Model != "echo-large" || resp.Usage == nil || resp.Usage.Input != 3 || got.Usage.CompletionTokens != 2 {
		t.Errorf("got %s with usage %+v", resp.Body, resp.Usage)
	}
	chunks, finish, err := stream(t, conn, request(provider.OpCompletions, `{"prompt":"a b","stream_options":{"include_usage":true}}`))
	if err != nil {
		t.Fatal(err)
	}
	if len(chunks) != 4 || finish.Usage.Output != 2 {
		t.Errorf("%d chunks and %+v, want two words, the end, the usage", len(chunks), finish.Usage)
	}
}

func TestMistakesNameTheField(t *testing.T) {
	t.Parallel()
	conn := dial(t, `{}`)
	for _, tt := range []struct{ operation, body, param string }{
		{provider.OpChat, `{"messages":[]}`, "messages"},
		{provider.OpCompletions, `{"model":"echo"}`, "prompt"},
		{provider.OpCompletions, `{"prompt":3}`, ""},
		{provider.OpEmbeddings, `{"input":"x","dimensions":0}`, "dimensions"},
		{provider.OpEmbeddings, `{"input":"x","dimensions":5000}`, "dimensions"},
		{provider.OpEmbeddings, `{"input":"x","encoding_format":"hex"}`, "encoding_format"},
	} {
		_, err := conn.Call(t.Context(), request(tt.operation, tt.body))
		e := provider.AsError(err)
		if e == nil || e.Code != provider.CodeInvalidRequest || e.Param != tt.param {
			t.Errorf("%s %s: error is %+v, want invalid_request at %q", tt.operation, tt.body, e, tt.param)
		}
	}
}
