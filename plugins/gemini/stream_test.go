package main

import (
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/plugins/internal/plugintest"
	"github.com/backplane-dev/backplane/sdk/provider"
)

const withUsage = `{"messages":[{"role":"user","content":"hi"}],"stream":true,"stream_options":{"include_usage":true}}`

// chunk is a chunk of the recorded streams, as JSON.
func chunk(choices, rest string) string {
	return `{"id":"resp-9","object":"chat.completion.chunk","created":0,"model":"gemini-2.5-flash-001","choices":[` + choices + `]` + rest + `}`
}

// sameChunks compares chunks but for the time at which they were made.
func sameChunks(t testing.TB, got plugintest.Streamed, want ...string) {
	t.Helper()
	if len(got.Chunks) != len(want) {
		t.Fatalf("got %d chunks, want %d: %s", len(got.Chunks), len(want), strings.Join(got.Chunks, "\n"))
	}
	for i, c := range typed(t, got) {
		if since := time.Since(time.Unix(c.Created, 0)); since > time.Minute {
			t.Errorf("chunk %d was made %s ago", i, since)
		}
		created := `"created":` + strings.SplitN(strings.SplitN(got.Chunks[i], `"created":`, 2)[1], ",", 2)[0]
		sameJSON(t, strings.Replace(got.Chunks[i], created, `"created":0`, 1), want[i])
	}
}

func TestAStreamIsTranslatedChunkByChunk(t *testing.T) {
	t.Parallel()
	s := newService(t, "streams/chat.sse")
	got, err := plugintest.Stream(t, open(t, s.URL), plugintest.Request(provider.OpChat, withUsage))
	if err != nil {
		t.Fatal(err)
	}
	const none = `"logprobs":null,"finish_reason":null`
	sameChunks(t, got,
		chunk(`{"index":0,"delta":{"role":"assistant","reasoning_content":"Let me think."},`+none+`}`, ""),
		chunk(`{"index":0,"delta":{"content":"Hello"},`+none+`}`, ""),
		chunk(`{"index":0,"delta":{"content":" there."},`+none+`,"citationMetadata":{"citationSources":[{"uri":"https://example.com"}]}}`, ""),
		chunk(`{"index":0,"delta":{"extra_content":{"google":{"thought_signature":"c2ln"}}},`+none+`}`, ""),
		chunk(`{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}`, ""),
		chunk("", `,"usage":{"prompt_tokens":10,"completion_tokens":7,"total_tokens":17,"completion_tokens_details":{"reasoning_tokens":3}}`))
	usage := &provider.Usage{Input: 10, Output: 7, Total: 17, Reasoning: 3}
	if !reflect.DeepEqual(got.Finish, provider.Finish{Reason: "stop", Usage: usage}) || !reflect.DeepEqual(got.Usage, usage) {
		t.Errorf("finished with %+v, used %+v", got.Finish, got.Usage)
	}
	if got.Meta.Model != "gemini-2.5-flash-001" || got.Meta.RequestID != "resp-9" || got.Meta.Status != 200 {
		t.Errorf("started with %+v", got.Meta)
	}
}

func TestWithoutAWishThereIsNoChunkWithTheUsage(t *testing.T) {
	t.Parallel()
	s := newService(t, "streams/chat.sse")
	got, err := plugintest.Stream(t, open(t, s.URL), plugintest.Request(provider.OpChat, hello))
	if err != nil {
		t.Fatal(err)
	}
	if last := got.Chunks[len(got.Chunks)-1]; !strings.Contains(last, `"finish_reason":"stop"`) || got.Finish.Usage == nil {
		t.Errorf("ended with %s, %+v", last, got.Finish)
	}
}

func TestCallsInAStreamAreNumberedAcrossItsEvents(t *testing.T) {
	t.Parallel()
	s := newService(t, "streams/tools.sse")
	got, err := plugintest.Stream(t, open(t, s.URL), plugintest.Request(provider.OpChat, hello))
	if err != nil {
		t.Fatal(err)
	}
	var calls []provider.ToolCall
	for _, c := range typed(t, got) {
		for _, choice := range c.Choices {
			calls = append(calls, choice.Delta.ToolCalls...)
		}
	}
	if len(calls) != 3 || got.Finish.Reason != "tool_calls" {
		t.Fatalf("got %s, finished %+v", got.Chunks, got.Finish)
	}
	for i, want := range []provider.FunctionCall{
		{Name: "weather", Arguments: `{"city":"Bern"}`}, {Name: "now", Arguments: "{}"}, {Name: "then", Arguments: `{"z":1}`},
	} {
		if *calls[i].Index != i || calls[i].Function != want || calls[i].ID == "" || calls[i].Type != "function" {
			t.Errorf("call %d: got %+v", i, calls[i])
		}
	}
	if signatureOf(calls[0].Extra) != "c2ln" || calls[1].ID != "fc-2" || calls[0].ID == calls[2].ID {
		t.Errorf("got %+v", calls)
	}
}

func TestCandidatesOfAStreamEndEachForItself(t *testing.T) {
	t.Parallel()
	s := newService(t, "streams/two.sse")
	got, err := plugintest.Stream(t, open(t, s.URL), plugintest.Request(provider.OpChat, hello))
	if err != nil {
		t.Fatal(err)
	}
	texts, reasons := map[int]string{}, map[int]string{}
	for _, c := range typed(t, got) {
		for _, choice := range c.Choices {
			if choice.Delta.Content != nil {
				texts[choice.Index] += *choice.Delta.Content
			}
			if choice.FinishReason != nil {
				reasons[choice.Index] += *choice.FinishReason + string(choice.Extra["finishReason"])
			}
		}
	}
	if !reflect.DeepEqual(texts, map[int]string{0: "ad", 1: "bc"}) || !reflect.DeepEqual(reasons, map[int]string{0: "length", 1: `content_filter"SAFETY"`}) {
		t.Errorf("got %v, %v", texts, reasons)
	}
}

func TestAReasonInEveryEventIsNamedOnce(t *testing.T) {
	t.Parallel()
	s := newService(t, "streams/stop_everywhere.sse")
	got, err := plugintest.Stream(t, open(t, s.URL), plugintest.Request(provider.OpChat, hello))
	if err != nil {
		t.Fatal(err)
	}
	if all := strings.Join(got.Chunks, "\n"); strings.Count(all, `"finish_reason":"stop"`) != 1 || !strings.Contains(all, `"content":"b"`) || got.Finish.Usage.Output != 2 {
		t.Errorf("got %s", all)
	}
}

func TestLogprobsOfAStreamGoAlong(t *testing.T) {
	t.Parallel()
	conn := open(t, plugintest.Serve(t, says(200, "text/event-stream",
		`data: {"candidates":[{"content":{"parts":[{"text":"a"}]},"logprobsResult":{"chosenCandidates":[{"token":"a","logProbability":-1}]},"finishReason":"STOP"}]}`+"\n\n")))
	got, err := plugintest.Stream(t, conn, plugintest.Request(provider.OpChat, hello))
	if err != nil || !strings.Contains(got.Chunks[0], `"logprobs":{"content":[{"token":"a","logprob":-1,"bytes":[97],"top_logprobs":[]}],"refusal":null}`) {
		t.Errorf("got %s, %v", got.Chunks, err)
	}
}

func TestStreamsThatBreakAreTypedErrors(t *testing.T) {
	t.Parallel()
	const first = "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]},\"index\":0}],\"usageMetadata\":{\"promptTokenCount\":1}}\n\n"
	const busy = `{"error":{"code":503,"message":"The model is overloaded.","status":"UNAVAILABLE"}}`
	const events = "text/event-stream"
	for name, tt := range map[string]struct {
		contentType, body string
		code              provider.Code
	}{
		"nothing":                            {events, "", provider.CodeProtocol},
		"a comment alone":                    {events, ": hello\n\n", provider.CodeProtocol},
		"usage alone":                        {events, "data: {\"usageMetadata\":{\"promptTokenCount\":1}}\n\n", provider.CodeProtocol},
		"an end before the end":              {events, first, provider.CodeProtocol},
		"the end of one candidate of two":    {events, first + "data: {\"candidates\":[{\"index\":1,\"finishReason\":\"STOP\"}]}\n\n", provider.CodeProtocol},
		"a cut inside an event":              {events, first + `data: {"candidates":[{"con`, provider.CodeProtocol},
		"an event that is not JSON":          {events, first + "data: <html>\n\n", provider.CodeProtocol},
		"an event that is no object":         {events, first + "data: [1]\n\n", provider.CodeProtocol},
		"an event of another form":           {events, first + "data: {\"candidates\":1}\n\n", provider.CodeProtocol},
		"an error first":                     {events, "data: " + busy + "\n\n", provider.CodeOverloaded},
		"an error in the middle":             {events, first + "data: " + busy + "\n\n", provider.CodeOverloaded},
		"an error after the end":             {events, "data: {\"candidates\":[{\"finishReason\":\"STOP\"}]}\n\ndata: " + busy + "\n\n", provider.CodeOverloaded},
		"an error without framing":           {events, first + busy, provider.CodeOverloaded},
		"an error without framing, indented": {events, first + "{\n  \"error\": {\n    \"code\": 429,\n    \"message\": \"slow\",\n    \"status\": \"RESOURCE_EXHAUSTED\",\n    \"details\": [{\"retryDelay\": \"2s\"}]\n  }\n}\n", provider.CodeRateLimit},
		"a refused prompt in the middle":     {events, first + "data: {\"promptFeedback\":{\"blockReason\":\"OTHER\"}}\n\n", provider.CodeContentFilter},
		"a malformed call in the middle":     {events, first + "data: {\"candidates\":[{\"index\":0,\"finishReason\":\"MALFORMED_FUNCTION_CALL\"}]}\n\n", provider.CodeProtocol},
		"a list in place of events":          {"application/json; charset=UTF-8", "[{\"candidates\":[{\"finishReason\":\"STOP\"}]}]", provider.CodeProtocol},
		"a list with an error":               {"application/json", "[" + busy + "]", provider.CodeOverloaded},
		"a list that ends in an error":       {"application/json", "[{\"candidates\":[]}," + busy + "]", provider.CodeOverloaded},
		"an error in place of events":        {"application/json", busy, provider.CodeOverloaded},
		"an answer in place of events":       {"application/json", `{"candidates":[{"finishReason":"STOP"}]}`, provider.CodeProtocol},
		"a page in place of events":          {"text/html", "<h1>Just a moment</h1>", provider.CodeProtocol},
		"an event of 17 MiB":                 {events, "data: \"" + strings.Repeat("x", 17<<20) + "\"\n\n", provider.CodeProtocol},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := plugintest.Serve(t, says(200, tt.contentType, tt.body))
			for _, op := range []string{provider.OpChat, opGenerate} {
				if op == opGenerate && (strings.HasPrefix(name, "a refused prompt") || strings.HasPrefix(name, "a malformed call")) {
					continue // the caller of raw requests reads them himself
				}
				got, err := plugintest.Stream(t, open(t, url), plugintest.Request(op, hello))
				e := plugintest.WantError(t, err, tt.code)
				if e.Source != provider.SourceUpstream || len(e.Message) > 2<<10 {
					t.Errorf("%s: got %+v", op, e)
				}
				if got.Finish != (provider.Finish{}) {
					t.Errorf("%s: got %+v", op, got)
				}
			}
		})
	}
}

func TestAFailureAfterTheFirstChunkLeavesWhatCameBefore(t *testing.T) {
	t.Parallel()
	conn := open(t, plugintest.Serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]}}],\"usageMetadata\":{\"promptTokenCount\":4,\"totalTokenCount\":4}}\n\n")
		w.(http.Flusher).Flush()
		time.Sleep(50 * time.Millisecond) // so that the failure comes apart
		_, _ = io.WriteString(w, "data: {\"error\":{\"code\":500,\"message\":\"broken\",\"status\":\"INTERNAL\"}}\n\n")
	}))
	got, err := plugintest.Stream(t, conn, plugintest.Request(provider.OpChat, hello))
	plugintest.WantError(t, err, provider.CodeUpstream)
	if len(got.Chunks) != 1 || got.Usage == nil || got.Usage.Input != 4 {
		t.Errorf("got %+v", got)
	}
}

func TestAListInPlaceOfEventsSaysWhatToLookFor(t *testing.T) {
	t.Parallel()
	_, err := plugintest.Stream(t, open(t, plugintest.Serve(t, says(200, "application/json", "[\n{\"candidates\":[]}\n]"))), plugintest.Request(provider.OpChat, hello))
	if e := plugintest.WantError(t, err, provider.CodeProtocol); !strings.Contains(e.Message, "alt=sse") || strings.Contains(e.Message, "candidates") {
		t.Errorf("got %v", e)
	}
}

func TestCancelClosesTheConnectionToTheService(t *testing.T) {
	t.Parallel()
	for _, op := range []string{provider.OpChat, opGenerate} {
		t.Run(op, func(t *testing.T) {
			t.Parallel()
			gone := make(chan struct{})
			conn := open(t, plugintest.Serve(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "text/event-stream")
				_, _ = io.WriteString(w, "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]}}],\"usageMetadata\":{\"promptTokenCount\":4,\"totalTokenCount\":4}}\n\n")
				w.(http.Flusher).Flush()
				<-r.Context().Done()
				close(gone)
			}))
			s, err := conn.Stream(t.Context(), plugintest.Request(op, hello))
			if err != nil {
				t.Fatal(err)
			}
			var usage *provider.Usage
			for usage == nil { // what a cancelled stream has used is known
				ev, err := s.Next()
				if err != nil {
					t.Fatal(err)
				}
				usage = ev.Usage
			}
			if usage.Input != 4 {
				t.Errorf("used %+v", usage)
			}
			s.Close()
			select {
			case <-gone:
			case <-time.After(time.Second):
				t.Error("the connection is still open a second after the caller left")
			}
		})
	}
}
