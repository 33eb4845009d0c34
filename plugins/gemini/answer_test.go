package main

import (
	"encoding/json"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/plugins/internal/plugintest"
	"github.com/backplane-dev/backplane/sdk/provider"
)

const hello = `{"messages":[{"role":"user","content":"hi"}]}`

func TestAnAnswerIsTranslatedAndNothingOfItIsLost(t *testing.T) {
	t.Parallel()
	s := newService(t, "answers/chat.json")
	got, resp := chat(t, open(t, s.URL), hello)
	want := `{"id":"resp-7","object":"chat.completion","created":0,"model":"gemini-2.5-flash-001","choices":[{"index":0,
		"message":{"role":"assistant","content":"Hello there.","refusal":null,"reasoning_content":"I think hard.",
			"extra_content":{"google":{"thought_signature":"c2ln"}},
			"gemini_parts":[{"inlineData":{"mimeType":"image/png","data":"iVBORw0KGgo="}},{"executableCode":{"language":"PYTHON","code":"1+1"}}]},
		"finish_reason":"stop",
		"logprobs":{"content":[{"token":"Hé","logprob":-0.5,"bytes":[72,195,169],"top_logprobs":[
			{"token":"Hé","logprob":-0.5,"bytes":[72,195,169]},{"token":"Yo","logprob":-1.5,"bytes":[89,111]}]}],"refusal":null},
		"avgLogprobs":-0.1,"citationMetadata":{"citationSources":[{"uri":"https://example.com"}]}}],
		"promptFeedback":{"safetyRatings":[{"category":"HARM_CATEGORY_HARASSMENT","probability":"NEGLIGIBLE"}]},
		"usage":{"prompt_tokens":12,"completion_tokens":25,"total_tokens":37,
			"prompt_tokens_details":{"cached_tokens":4},"completion_tokens_details":{"reasoning_tokens":5}}}`
	got.Created = 0
	data, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	sameJSON(t, string(data), want)
	usage := &provider.Usage{Input: 12, Output: 25, Total: 37, Cached: 4, Reasoning: 5}
	if !reflect.DeepEqual(resp.Usage, usage) || resp.Model != "gemini-2.5-flash-001" || resp.RequestID != "resp-7" || resp.FinishReason != "stop" || resp.Status != 200 {
		t.Errorf("reported %+v", resp.Meta)
	}
}

func TestCallsOfFunctionsAreTranslated(t *testing.T) {
	t.Parallel()
	s := newService(t, "answers/tools.json")
	got, resp := chat(t, open(t, s.URL), hello)
	if resp.FinishReason != "tool_calls" || got.Choices[0].Message.Content != nil {
		t.Errorf("got %s", resp.Body)
	}
	calls := got.Choices[0].Message.ToolCalls
	if len(calls) != 2 || calls[0].Type != "function" || calls[0].Function != (provider.FunctionCall{Name: "weather", Arguments: `{"city":"Bern"}`}) {
		t.Fatalf("got %+v", calls)
	}
	if !strings.HasPrefix(calls[0].ID, "call_") || calls[1].ID != "fc-2" || calls[1].Function.Arguments != "{}" {
		t.Errorf("got %+v", calls)
	}
	if signatureOf(calls[0].Extra) != "c2ln" || calls[1].Extra != nil {
		t.Errorf("got %+v", calls)
	}
}

func TestAnAnswerSentBackAsItCameSaysTheSame(t *testing.T) {
	t.Parallel()
	s := newService(t, "answers/tools.json")
	conn := open(t, s.URL)
	got, _ := chat(t, conn, hello)
	<-s.Requests
	message, err := json.Marshal(got.Choices[0].Message)
	if err != nil {
		t.Fatal(err)
	}
	id := got.Choices[0].Message.ToolCalls[0].ID
	chat(t, conn, `{"messages":[{"role":"user","content":"hi"},`+string(message)+`,{"role":"tool","tool_call_id":"`+id+`","content":"7"},{"role":"tool","tool_call_id":"fc-2","content":"8"}]}`)
	sameJSON(t, (<-s.Requests).Body, `{"contents":[{"role":"user","parts":[{"text":"hi"}]},{"role":"model","parts":[
		{"functionCall":{"id":"`+id+`","name":"weather","args":{"city":"Bern"}},"thoughtSignature":"c2ln"},{"functionCall":{"id":"fc-2","name":"now","args":{}}}]},
		{"role":"user","parts":[{"functionResponse":{"id":"`+id+`","name":"weather","response":{"output":"7"}}},{"functionResponse":{"id":"fc-2","name":"now","response":{"output":"8"}}}]}]}`)
}

func TestCandidatesBecomeChoices(t *testing.T) {
	t.Parallel()
	s := newService(t, "answers/two.json")
	got, _ := chat(t, open(t, s.URL), hello)
	if len(got.Choices) != 2 || got.Choices[0].FinishReason != "length" || got.Choices[1].FinishReason != "content_filter" || got.Choices[1].Index != 1 {
		t.Errorf("got %+v", got.Choices)
	}
	if word := string(got.Choices[1].Extra["finishReason"]); word != `"SAFETY"` || got.Choices[1].Extra["safetyRatings"] == nil {
		t.Errorf("the service's own word is lost: %+v", got.Choices[1].Extra)
	}
	if got.Usage.TotalTokens != 3 {
		t.Errorf("used %+v", got.Usage)
	}
}

// endings is the table of reasons: the canonical word, or the class of the error.
var endings = map[string]string{
	"STOP": "stop", "MAX_TOKENS": "length", "SOMETHING_NEW": "stop",
	"SAFETY": "content_filter", "RECITATION": "content_filter", "LANGUAGE": "content_filter", "BLOCKLIST": "content_filter",
	"PROHIBITED_CONTENT": "content_filter", "SPII": "content_filter", "IMAGE_SAFETY": "content_filter",
	"IMAGE_PROHIBITED_CONTENT": "content_filter", "IMAGE_RECITATION": "content_filter", "ESCALATION": "content_filter",
	"MALFORMED_FUNCTION_CALL": "!protocol", "MALFORMED_RESPONSE": "!protocol", "UNEXPECTED_TOOL_CALL": "!protocol",
	"OTHER": "!upstream", "IMAGE_OTHER": "!upstream", "NO_IMAGE": "!upstream", "TOO_MANY_TOOL_CALLS": "!upstream",
	"MISSING_THOUGHT_SIGNATURE": "!invalid_request",
	"FINISH_REASON_UNSPECIFIED": "!protocol", "": "!protocol",
}

func TestEveryFinishReasonHasItsWordOrItsError(t *testing.T) {
	t.Parallel()
	for reason, want := range endings {
		t.Run(reason, func(t *testing.T) {
			t.Parallel()
			body := `{"candidates":[{"content":{"parts":[{"text":"half"}]},"finishReason":"` + reason + `","finishMessage":"so it is"}]}`
			conn := open(t, plugintest.Serve(t, func(w http.ResponseWriter, r *http.Request) {
				if strings.Contains(r.URL.Path, "stream") {
					says(200, "text/event-stream", "data: "+body+"\n\n")(w, r)
					return
				}
				says(200, "application/json", body)(w, r)
			}))
			got, callErr := conn.Call(t.Context(), plugintest.Request(provider.OpChat, hello))
			streamed, streamErr := plugintest.Stream(t, conn, plugintest.Request(provider.OpChat, hello))
			if code, failed := strings.CutPrefix(want, "!"); failed {
				for _, err := range []error{callErr, streamErr} {
					e := plugintest.WantError(t, err, provider.Code(code))
					if e.Source != provider.SourceUpstream || reason != "" && finishReasons[reason] == "" && failures[reason] != "" && !strings.Contains(e.Message, reason+": so it is") {
						t.Errorf("got %+v", e)
					}
				}
				return
			}
			if callErr != nil || streamErr != nil {
				t.Fatal(callErr, streamErr)
			}
			if got.FinishReason != want || streamed.Finish.Reason != want {
				t.Errorf("got %q and %q, want %q", got.FinishReason, streamed.Finish.Reason, want)
			}
			if last := streamed.Chunks[len(streamed.Chunks)-1]; !strings.Contains(last, `"finish_reason":"`+want+`"`) {
				t.Errorf("the last chunk is %s", last)
			}
		})
	}
	words := description().Enum("Candidate", "finishReason")
	if description().There() && len(words) < 20 {
		t.Errorf("the description has the words %v", words)
	}
	for _, word := range words {
		if _, ok := endings[word]; !ok {
			t.Errorf("the description's %q is not in the table", word)
		}
	}
}

func TestAPromptThatIsRefusedIsATypedError(t *testing.T) {
	t.Parallel()
	const body = `{"promptFeedback":{"blockReason":"SAFETY","safetyRatings":[{"category":"HARM_CATEGORY_HARASSMENT","probability":"HIGH"},{"category":"HARM_CATEGORY_HATE_SPEECH","probability":"LOW"}]},"usageMetadata":{"promptTokenCount":5},"responseId":"resp-3"}`
	conn := open(t, plugintest.Serve(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "stream") {
			says(200, "text/event-stream", "data: "+body+"\n\n")(w, r)
			return
		}
		says(200, "application/json", body)(w, r)
	}))
	_, callErr := conn.Call(t.Context(), plugintest.Request(provider.OpChat, hello))
	got, streamErr := plugintest.Stream(t, conn, plugintest.Request(provider.OpChat, hello))
	for _, err := range []error{callErr, streamErr} {
		e := plugintest.WantError(t, err, provider.CodeContentFilter)
		if e.UpstreamCode != "SAFETY" || e.Type != "PROMPT_BLOCKED" || e.Source != provider.SourceUpstream || e.RequestID != "resp-3" ||
			e.Message != "gemini refused the prompt: SAFETY (harassment high)" || e.StatusCode != 200 {
			t.Errorf("got %+v", e)
		}
	}
	if got.Meta.Status != 0 {
		t.Error("the stream began although nothing came")
	}
}

func TestAnswersThatAreNoneAreTypedErrors(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		contentType, body string
		code              provider.Code
	}{
		"nothing at all":         {"application/json", "", provider.CodeProtocol},
		"an empty object":        {"application/json", "{}", provider.CodeProtocol},
		"a list":                 {"application/json", `[{"candidates":[]}]`, provider.CodeProtocol},
		"half of it":             {"application/json", `{"candidates":[{"content":`, provider.CodeProtocol},
		"another form":           {"application/json", `{"candidates":"none"}`, provider.CodeProtocol},
		"a page":                 {"text/html", "<h1>Log in</h1>", provider.CodeProtocol},
		"an error with 200":      {"application/json", `{"error":{"code":503,"message":"busy","status":"UNAVAILABLE"}}`, provider.CodeOverloaded},
		"no word about its end":  {"application/json", `{"candidates":[{"content":{"parts":[{"text":"half"}]}}]}`, provider.CodeProtocol},
		"an error without words": {"application/json", `{"error":{}}`, provider.CodeUpstream},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := open(t, plugintest.Serve(t, says(200, tt.contentType, tt.body)))
			for _, op := range []string{provider.OpChat, opGenerate} {
				_, err := conn.Call(t.Context(), plugintest.Request(op, hello))
				if op == opGenerate && strings.HasPrefix(name, "no word") {
					continue // the caller of raw requests reads it himself
				}
				if e := plugintest.WantError(t, err, tt.code); e.Source != provider.SourceUpstream {
					t.Errorf("%s: got %+v", op, e)
				}
			}
		})
	}
}
