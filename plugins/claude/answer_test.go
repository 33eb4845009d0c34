package main

import (
	"encoding/json"
	"fmt"
	"reflect"
	"testing"

	"github.com/backplane-dev/backplane/plugins/internal/plugintest"
	"github.com/backplane-dev/backplane/sdk/provider"
)

var wantUsage = provider.Usage{Input: 50, Output: 7, Total: 57, Cached: 30, CacheWrite: 8}

func TestAnswersAreTranslated(t *testing.T) {
	t.Parallel()
	const thinking = `[{"signature":"c2lnbmF0dXJl","thinking":"Paris and Rome.","type":"thinking"},{"data":"cmVkYWN0ZWQ=","type":"redacted_thinking"}]`
	for name, want := range map[string]string{
		"message": `{"index":0,"finish_reason":"stop","stop_reason":"end_turn","logprobs":null,"message":{"role":"assistant","content":"Hello there.","refusal":null}}`,
		"tools": `{"index":0,"finish_reason":"tool_calls","stop_reason":"tool_use","logprobs":null,"message":{"role":"assistant","content":"I look.","refusal":null,"reasoning_content":"Paris and Rome.",
			"thinking_blocks":` + thinking + `,"tool_calls":[{"id":"toolu_1","type":"function","function":{"name":"weather","arguments":"{\"city\":\"Paris\",\"n\":12345678901234567890}"}},
			{"id":"toolu_2","type":"function","function":{"name":"weather","arguments":"{\"city\":\"Rome\"}"}}]}}`,
		"foreign": `{"index":0,"finish_reason":"length","stop_reason":"pause_turn","logprobs":null,"message":{"role":"assistant","content":"I search.Nothing found.","refusal":null,"content_blocks":` + contentOf(t, "foreign") + `}}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlatform(t, name)
			got, err := open(t, p.URL).Call(t.Context(), plugintest.Request(provider.OpChat, `{`+hi+`}`))
			if err != nil {
				t.Fatal(err)
			}
			var body struct {
				ID, Object, Model string
				Created           int64
				Choices           []any
				Usage             provider.ChatUsage
				ServiceTier       string `json:"service_tier"`
			}
			decode(t, string(got.Body), &body)
			var choice any
			decode(t, want, &choice)
			if !reflect.DeepEqual(body.Choices[0], choice) {
				t.Errorf("got  %s\nwant %s", encoded(body.Choices[0]), encoded(choice))
			}
			if body.ID != "msg_01A" || body.Object != "chat.completion" || body.Model != "claude-sonnet-4-5-20250929" || body.Created == 0 || body.ServiceTier != "default" {
				t.Errorf("got %+v", body)
			}
			if u := body.Usage; u.PromptTokens != 50 || u.CompletionTokens != 7 || u.PromptDetails == nil || u.PromptDetails.CachedTokens != 30 {
				t.Errorf("got %+v", u)
			}
			if got.Usage == nil || *got.Usage != wantUsage || got.Status != 200 || got.RequestID != "req_platform" || got.Model != body.Model {
				t.Errorf("reported %+v, %+v", got.Meta, got.Usage)
			}
			if l := got.RateLimits; len(l) != 1 || l[0].Meter != "requests" || l[0].Limit != 50 || l[0].Remaining != 49 {
				t.Errorf("got the limits %+v", l)
			}
		})
	}
}

// contentOf is the content of a recorded answer.
func contentOf(t testing.TB, name string) string {
	t.Helper()
	var a answer
	if err := json.Unmarshal(plugintest.Testdata(t, "answers/"+name+".json"), &a); err != nil {
		t.Fatal(err)
	}
	return string(encoded(a.Content))
}

func TestEveryStopReasonHasAFinishReason(t *testing.T) {
	t.Parallel()
	for reason, want := range map[string]string{
		"end_turn": "stop", "stop_sequence": "stop", "max_tokens": "length", "model_context_window_exceeded": "length",
		"tool_use": "tool_calls", "pause_turn": "length", "refusal": "content_filter", "of_tomorrow": "stop",
	} {
		url := say(t, "application/json", fmt.Sprintf(`{"id":"m","model":"x","content":[],"stop_reason":%q,"stop_sequence":"E","stop_details":{"explanation":"No."}}`, reason))
		got, err := open(t, url).Call(t.Context(), plugintest.Request(provider.OpChat, `{`+hi+`}`))
		if err != nil {
			t.Fatal(err)
		}
		var body provider.ChatResponse
		decode(t, string(got.Body), &body)
		c := body.Choices[0]
		if c.FinishReason != want || got.FinishReason != want || string(c.Extra["stop_reason"]) != `"`+reason+`"` || string(c.Extra["stop_sequence"]) != `"E"` {
			t.Errorf("%s: got %+v, want %s", reason, c, want)
		}
		if c.Message.Content == nil || *c.Message.Content != "" || c.Message.Refusal == nil || *c.Message.Refusal != "No." || got.Usage != nil {
			t.Errorf("%s: got %s", reason, got.Body)
		}
	}
}

func TestTheAnswerGoesBackAsItCame(t *testing.T) {
	t.Parallel()
	for _, mode := range []provider.Mode{provider.ModeCall, provider.ModeStream} {
		for _, name := range []string{"tools", "foreign"} {
			p := newPlatform(t, name)
			conn := open(t, p.URL)
			var message map[string]any
			var content []any
			if mode == provider.ModeCall {
				got, err := conn.Call(t.Context(), plugintest.Request(provider.OpChat, `{`+hi+`}`))
				if err != nil {
					t.Fatal(err)
				}
				var body struct {
					Choices []struct{ Message map[string]any }
				}
				decode(t, string(got.Body), &body)
				message = body.Choices[0].Message
				decode(t, contentOf(t, name), &content)
			} else {
				got, err := plugintest.Stream(t, conn, plugintest.Request(provider.OpChat, `{`+hi+`}`))
				if err != nil {
					t.Fatal(err)
				}
				message, content = assemble(t, got.Chunks), streamedContent[name](t)
			}
			<-p.Requests
			message["role"] = "assistant"
			body := map[string]any{"messages": []any{map[string]any{"role": "user", "content": "hi"}, message, map[string]any{"role": "user", "content": "on"}}}
			if _, err := conn.Call(t.Context(), plugintest.Request(provider.OpChat, string(encoded(body)))); err != nil {
				t.Fatal(err)
			}
			var sent struct{ Messages []struct{ Content []any } }
			decode(t, (<-p.Requests).Body, &sent)
			if got := withoutNull(sent.Messages[1].Content); !reflect.DeepEqual(got, withoutNull(content)) {
				t.Errorf("%s %s:\ngot  %s\nwant %s", mode, name, encoded(got), encoded(content))
			}
		}
	}
}

// withoutNull removes what the translation of a plain block leaves out.
func withoutNull(content []any) []any {
	for _, b := range content {
		b := b.(map[string]any)
		if b["citations"] == nil {
			delete(b, "citations")
		}
		if b["type"] == typeToolUse {
			delete(b, "caller")
		}
	}
	return content
}
