package main

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/plugins/internal/plugintest"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// assemble joins the chunks of a stream to a message, as a client does.
func assemble(t testing.TB, chunks []string) map[string]any {
	t.Helper()
	var text, thought string
	var calls []provider.ToolCall
	message := map[string]any{}
	var thinking []any
	for _, chunk := range chunks {
		var c provider.ChatChunk
		decode(t, chunk, &c)
		for _, choice := range c.Choices {
			d := choice.Delta
			if d.Content != nil {
				text += *d.Content
			}
			thought += d.ReasoningContent
			for _, piece := range d.ToolCalls {
				if *piece.Index == len(calls) {
					calls = append(calls, provider.ToolCall{ID: piece.ID, Type: piece.Type, Function: piece.Function})
				} else {
					calls[*piece.Index].Function.Arguments += piece.Function.Arguments
				}
			}
			if raw := d.Extra["thinking_blocks"]; raw != nil {
				var blocks []any
				decode(t, string(raw), &blocks)
				thinking = append(thinking, blocks...)
			}
			if raw := d.Extra["content_blocks"]; raw != nil {
				message["content_blocks"] = raw
			}
		}
	}
	message["content"], message["reasoning_content"] = text, thought
	if calls != nil {
		message["tool_calls"] = calls
	}
	if thinking != nil {
		message["thinking_blocks"] = thinking
	}
	return message
}

// streamedContent is the content that the recorded streams amount to.
var streamedContent = map[string]func(testing.TB) []any{
	"tools": func(t testing.TB) (content []any) {
		decode(t, `[{"type":"thinking","thinking":"Paris and Rome.","signature":"c2lnbmF0dXJl"},{"type":"redacted_thinking","data":"cmVkYWN0ZWQ="},{"type":"text","text":"I look."},
			{"type":"tool_use","id":"toolu_1","name":"weather","input":{"city":"Paris"}},{"type":"tool_use","id":"toolu_2","name":"weather","input":{"city":"Rome"}},{"type":"tool_use","id":"toolu_3","name":"now","input":{}}]`, &content)
		return content
	},
	"foreign": func(t testing.TB) (content []any) {
		decode(t, `[{"type":"server_tool_use","id":"srvtoolu_1","name":"web_search","input":{"query":"x"},"caller":{"type":"direct"}},
			{"type":"web_search_tool_result","tool_use_id":"srvtoolu_1","caller":{"type":"direct"},"content":{"type":"web_search_tool_result_error","error_code":"unavailable"}},{"type":"text","text":"Nothing found."}]`, &content)
		return content
	},
}

// deltas are the chunks' choices in short, without what is the same in all.
func deltas(t testing.TB, chunks []string) []string {
	t.Helper()
	var all []string
	for _, chunk := range chunks {
		var c provider.ChatChunk
		decode(t, chunk, &c)
		if c.ID != "msg_01A" || c.Object != "chat.completion.chunk" || c.Model != "claude-sonnet-4-5-20250929" || c.Created == 0 {
			t.Errorf("got %s", chunk)
		}
		for _, choice := range c.Choices {
			line := string(encoded(choice.Delta))
			if choice.FinishReason != nil {
				line += " " + *choice.FinishReason
			}
			all = append(all, line)
		}
		if len(c.Choices) == 0 {
			all = append(all, string(encoded(c.Usage)))
		}
	}
	return all
}

func TestStreamsAreTranslated(t *testing.T) {
	t.Parallel()
	call := func(index int, rest string) string {
		return fmt.Sprintf(`{"tool_calls":[{"index":%d,%s}]}`, index, rest)
	}
	tests := map[string]struct {
		want  []string
		usage provider.Usage
	}{
		"message": {
			usage: wantUsage,
			want: []string{
				`{"role":"assistant","content":""}`, `{"content":"Hello"}`, `{"content":" there."}`, `{} stop`,
				`{"prompt_tokens":50,"completion_tokens":7,"total_tokens":57,"prompt_tokens_details":{"cached_tokens":30}}`,
			},
		},
		"tools": {
			usage: provider.Usage{Input: 51, Output: 40, Total: 91, Cached: 30, CacheWrite: 8},
			want: []string{
				`{"role":"assistant","content":""}`, `{"reasoning_content":"Paris and "}`, `{"reasoning_content":"Rome."}`,
				`{"thinking_blocks":[{"signature":"c2lnbmF0dXJl","thinking":"Paris and Rome.","type":"thinking"}]}`,
				`{"thinking_blocks":[{"data":"cmVkYWN0ZWQ=","type":"redacted_thinking"}]}`, `{"content":"I look."}`,
				call(0, `"id":"toolu_1","type":"function","function":{"name":"weather","arguments":""}`),
				call(0, `"function":{"arguments":"{\"city\":"}`), call(0, `"function":{"arguments":" \"Paris\"}"}`),
				call(1, `"id":"toolu_2","type":"function","function":{"name":"weather","arguments":""}`),
				call(1, `"function":{"arguments":"{\"city\":\"Rome\"}"}`),
				call(2, `"id":"toolu_3","type":"function","function":{"name":"now","arguments":""}`), call(2, `"function":{"arguments":"{}"}`),
				`{} tool_calls`, `{"prompt_tokens":51,"completion_tokens":40,"total_tokens":91,"prompt_tokens_details":{"cached_tokens":30}}`,
			},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlatform(t, name)
			got, err := plugintest.Stream(t, open(t, p.URL), plugintest.Request(provider.OpChat, `{"stream_options":{"include_usage":true},`+hi+`}`))
			if err != nil {
				t.Fatal(err)
			}
			if lines := deltas(t, got.Chunks); !slices.Equal(lines, tt.want) {
				t.Errorf("got  %s\nwant %s", strings.Join(lines, "\n"), strings.Join(tt.want, "\n"))
			}
			if got.Finish.Usage == nil || *got.Finish.Usage != tt.usage || got.Meta.RequestID != "req_platform" || got.Meta.Model != "claude-sonnet-4-5-20250929" || got.Meta.RateLimits == nil {
				t.Errorf("reported %+v, %+v", got.Finish.Usage, got.Meta)
			}
		})
	}
}

func TestAStreamThatIsCancelledHasItsUsage(t *testing.T) {
	t.Parallel()
	recorded := string(plugintest.Testdata(t, "streams/message.sse"))
	first := recorded[:strings.Index(recorded, "\n\n")+2]
	url := plugintest.Serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, first)
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	s, err := open(t, url).Stream(t.Context(), plugintest.Request(provider.OpChat, `{`+hi+`}`))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for {
		ev, err := s.Next()
		if err != nil {
			t.Fatal(err)
		}
		if ev.Kind == provider.EventUsage {
			if ev.Usage.Input != 50 || ev.Usage.Output != 1 {
				t.Errorf("got %+v", ev.Usage)
			}
			return
		}
	}
}

func broken(contentType, body string, code provider.Code) plugintest.Broken {
	return plugintest.Broken{ContentType: contentType, Parts: []string{body}, Code: code}
}

func TestStreamsThatBreakAreTypedErrors(t *testing.T) {
	t.Parallel()
	recorded := string(plugintest.Testdata(t, "streams/message.sse"))
	first := recorded[:strings.Index(recorded, "\n\n")+2]
	withoutEnd := recorded[:strings.Index(recorded, "event: message_stop")]
	failure := func(kind string) string {
		return first + `event: error` + "\n" + `data: {"type":"error","error":{"type":"` + kind + `","message":"Overloaded"},"request_id":"req_1"}` + "\n\n"
	}
	cases := map[string]plugintest.Broken{
		"cut between events":     broken(typeSSE, first, provider.CodeProtocol),
		"cut before the last":    broken(typeSSE, withoutEnd, provider.CodeProtocol),
		"cut inside an event":    broken(typeSSE, first+"event: content_block_delta\ndata: {\"type\":\"content_bl", provider.CodeProtocol),
		"no event at all":        broken(typeSSE, "", provider.CodeProtocol),
		"nothing but pings":      broken(typeSSE, "event: ping\ndata: {\"type\":\"ping\"}\n\n", provider.CodeProtocol),
		"not JSON":               broken(typeSSE, first+"data: <html>\n\n", provider.CodeProtocol),
		"another dialect":        broken(typeSSE, "data: {\"choices\":[]}\n\n", provider.CodeProtocol),
		"overload inside":        broken(typeSSE, failure("overloaded_error"), provider.CodeOverloaded),
		"a rate limit inside":    broken(typeSSE, failure("rate_limit_error"), provider.CodeRateLimit),
		"a failure inside":       broken(typeSSE, failure("api_error"), provider.CodeUpstream),
		"a wrong request inside": broken(typeSSE, failure("invalid_request_error"), provider.CodeInvalidRequest),
		"a time-out inside":      broken(typeSSE, failure("timeout_error"), provider.CodeTimeout),
		"an error without type":  broken(typeSSE, "data: {\"error\":{\"message\":\"no\"}}\n\n", provider.CodeUpstream),
		"a page instead":         broken("text/html", "<h1>Just a moment...</h1>", provider.CodeProtocol),
		"an error instead":       broken("application/json", `{"type":"error","error":{"type":"billing_error","message":"no"}}`, provider.CodeQuota),
		"an answer instead":      broken("application/json", string(plugintest.Testdata(t, "answers/message.json")), provider.CodeProtocol),
		"an event of 17 MiB":     broken(typeSSE, "data: \""+strings.Repeat("x", 17<<20)+"\"\n\n", provider.CodeProtocol),
	}
	cases["an end without a beginning"] = broken(typeSSE, "data: {\"type\":\"message_stop\"}\n\n", provider.CodeProtocol)
	plugintest.CheckBroken(t, open, provider.OpChat, `{`+hi+`}`, cases)
	plugintest.CheckBroken(t, open, opMessages, `{"max_tokens":5,`+hi+`}`, cases)
	// The caller of the raw operation reads blocks.
	plugintest.CheckBroken(t, open, provider.OpChat, `{`+hi+`}`, map[string]plugintest.Broken{
		"a block before the message": broken(typeSSE, "data: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\"}}\n\n", provider.CodeProtocol),
	})
}

func TestAStreamThatDoesNotSayWhyItEndedStops(t *testing.T) {
	t.Parallel()
	url := say(t, typeSSE, "data: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_01A\",\"model\":\"claude-sonnet-4-5-20250929\"}}\n\ndata: {\"type\":\"message_stop\"}\n\n")
	got, err := plugintest.Stream(t, open(t, url), plugintest.Request(provider.OpChat, `{`+hi+`}`))
	if err != nil {
		t.Fatal(err)
	}
	if lines := deltas(t, got.Chunks); !slices.Equal(lines, []string{`{"role":"assistant","content":""}`, `{} stop`}) || got.Finish.Reason != "stop" {
		t.Errorf("got %q, finished with %+v", lines, got.Finish)
	}
}

func TestAnswersThatAreNoneAreTypedErrors(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		body string
		code provider.Code
	}{
		"a page":           {"<h1>Just a moment...</h1>", provider.CodeProtocol},
		"nothing":          {"", provider.CodeProtocol},
		"another object":   {`{"choices":[]}`, provider.CodeProtocol},
		"half":             {`{"id":"m","content":[{"type":"te`, provider.CodeProtocol},
		"blocks of a kind": {`{"id":"m","content":[7]}`, provider.CodeProtocol},
		"an error":         {`{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}`, provider.CodeOverloaded},
	} {
		conn := open(t, say(t, "application/json", tt.body))
		for _, op := range []string{provider.OpChat, opCountTokens, provider.OpModels} {
			_, err := conn.Call(t.Context(), plugintest.Request(op, `{`+hi+`}`))
			if e := provider.AsError(err); e == nil || e.Code != tt.code || e.Source != provider.SourceUpstream {
				t.Errorf("%s %s: got %v", name, op, err)
			}
		}
	}
}

func TestCancelClosesTheConnection(t *testing.T) {
	t.Parallel()
	recorded := string(plugintest.Testdata(t, "streams/message.sse"))
	first := recorded[:strings.Index(recorded, "\n\n")+2]
	plugintest.CheckCancel(t, open, provider.OpChat, `{`+hi+`}`, typeSSE, first)
	plugintest.CheckCancel(t, open, opMessages, `{`+hi+`}`, typeSSE, first)
}

func TestBlocksThatComeWholeArePassedOn(t *testing.T) {
	t.Parallel()
	event := func(text string) string { return "data: " + text + "\n\n" }
	url := say(t, "text/event-stream", ": a comment\n\n"+event(`{"type":"ping"}`)+
		event(`{"type":"message_start","message":{"id":"msg_01A","model":"claude-sonnet-4-5-20250929","content":[],"usage":{"input_tokens":1}}}`)+
		event(`{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"Hm.","signature":"s"}}`)+event(`{"type":"content_block_stop","index":0}`)+
		event(`{"type":"content_block_start","index":1,"content_block":{"type":"text","text":"Hi."}}`)+
		event(`{"type":"content_block_delta","index":1,"delta":{"type":"citations_delta","citation":{"type":"char_location","cited_text":"c"}}}`)+event(`{"type":"content_block_stop","index":1}`)+
		event(`{"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"t1","name":"f","input":{"a":1}}}`)+event(`{"type":"content_block_stop","index":2}`)+
		event(`{"type":"content_block_delta","index":9,"delta":{"type":"text_delta","text":"lost"}}`)+event(`{"type":"of_tomorrow","x":1}`)+
		event(`{"type":"message_delta","delta":{"stop_reason":"refusal","stop_details":{"explanation":"No."}},"usage":{"output_tokens":3}}`)+event(`{"type":"message_stop"}`))
	got, err := plugintest.Stream(t, open(t, url), plugintest.Request(provider.OpChat, `{`+hi+`}`))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		`{"role":"assistant","content":""}`, `{"reasoning_content":"Hm."}`, `{"thinking_blocks":[{"signature":"s","thinking":"Hm.","type":"thinking"}]}`,
		`{"content":"Hi."}`, `{"tool_calls":[{"index":0,"id":"t1","type":"function","function":{"name":"f","arguments":""}}]}`,
		`{"tool_calls":[{"index":0,"function":{"arguments":"{\"a\":1}"}}]}`,
		`{"refusal":"No.","content_blocks":[{"signature":"s","thinking":"Hm.","type":"thinking"},{"citations":[{"type":"char_location","cited_text":"c"}],"text":"Hi.","type":"text"},{"id":"t1","input":{"a":1},"name":"f","type":"tool_use"}]} content_filter`,
	}
	if lines := deltas(t, got.Chunks); !slices.Equal(lines, want) {
		t.Errorf("got  %s\nwant %s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}
	if got.Finish.Reason != "content_filter" || got.Finish.Usage.Total != 4 {
		t.Errorf("finished with %+v", got.Finish)
	}
}
