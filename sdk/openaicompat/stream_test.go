package openaicompat

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// Chunks of a chat, as OpenAI sends them.
const (
	roleChunk  = `{"id":"c1","object":"chat.completion.chunk","model":"m-1","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}],"usage":null}`
	wordChunk  = `{"id":"c1","object":"chat.completion.chunk","model":"m-1","choices":[{"index":0,"delta":{"content":"hi"},"finish_reason":null}],"usage":null}`
	endChunk   = `{"id":"c1","object":"chat.completion.chunk","model":"m-1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":null}`
	usageChunk = `{"id":"c1","object":"chat.completion.chunk","model":"m-1","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5,"prompt_tokens_details":{"cached_tokens":1}}}`
	done       = "data: [DONE]\n\n"
)

func event(chunk string) string { return "data: " + chunk + "\n\n" }

var allUsage = provider.Usage{Input: 3, Output: 2, Total: 5, Cached: 1}

// oneByOne answers with the parts, each after the chunks of the one before were
// passed on, so that none arrive together by chance. Parts without a chunk must
// come last, and more than one of them arrive as they like.
func oneByOne(out *sink, parts ...string) http.HandlerFunc {
	passed := make(chan struct{}, 16)
	out.onSend = func() { passed <- struct{}{} }
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for _, part := range parts {
			_, _ = io.WriteString(w, part)
			w.(http.Flusher).Flush()
			if part != parts[len(parts)-1] {
				select {
				case <-passed:
				case <-r.Context().Done():
				}
			}
		}
	}
}

// streamOf runs one stream of the parts.
func streamOf(t *testing.T, op, body string, out *sink, parts ...string) (provider.Finish, error) {
	t.Helper()
	s := newService(t, answerSSE(parts...))
	e := s.open(t, dialect(nil), nil)
	return e.Stream(t.Context(), &provider.Request{Operation: op, Body: []byte(body)}, out)
}

func TestAStreamPassesChunksOnAsTheyAre(t *testing.T) {
	t.Parallel()
	tools := `{"id":"c1","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"t0","type":"function","function":{"name":"f","arguments":"{\"a\""}},{"index":1,"id":"t1","function":{"name":"g","arguments":""}}]}}],"x_new":{"n":1.50}}`
	second := `{"id":"c1","choices":[{"index":1,"delta":{"content":"zwei"},"finish_reason":null}]}`
	toolsEnd := `{"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}`
	filter := `{"choices":[],"prompt_filter_results":[{"prompt_index":0}]}`
	tests := map[string]struct {
		parts  []string
		want   []string
		reason string
	}{
		"words":                          {[]string{event(roleChunk), event(wordChunk), event(endChunk), done}, []string{roleChunk, wordChunk, endChunk}, "stop"},
		"tool calls":                     {[]string{event(tools), event(toolsEnd), done}, []string{tools, toolsEnd}, "tool_calls"},
		"two choices":                    {[]string{event(wordChunk), event(second), event(endChunk), done}, []string{wordChunk, second, endChunk}, "stop"},
		"a first chunk without choices":  {[]string{event(filter), event(endChunk), done}, []string{filter, endChunk}, "stop"},
		"comments and empty events":      {[]string{": ping\n\n", "data:\n\n", event(wordChunk), ": ping\n\n", "data:   \n\n", event(endChunk), done}, []string{wordChunk, endChunk}, "stop"},
		"CRLF and no space":              {[]string{"data:" + wordChunk + "\r\n\r\ndata:" + endChunk + "\r\n\r\ndata:[DONE]\r\n\r\n"}, []string{wordChunk, endChunk}, "stop"},
		"data over two lines":            {[]string{"data: {\"choices\":\ndata: []}\n\n", done}, []string{"{\"choices\":\n[]}"}, ""},
		"no [DONE], but a finish reason": {[]string{event(wordChunk), event(endChunk)}, []string{wordChunk, endChunk}, "stop"},
		"[DONE] without a blank line":    {[]string{event(wordChunk), "data: [DONE]"}, []string{wordChunk}, ""},
		"a last chunk without one":       {[]string{event(wordChunk), "data: " + endChunk}, []string{wordChunk, endChunk}, "stop"},
		"data after [DONE]":              {[]string{event(endChunk) + done + event(wordChunk) + done}, []string{endChunk}, "stop"},
		"cut in the middle of a line":    {[]string{event(wordChunk)[:20], event(wordChunk)[20:], event(endChunk), done}, []string{wordChunk, endChunk}, "stop"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out := &sink{}
			finish, err := streamOf(t, provider.OpChat, `{}`, out, tt.parts...)
			if err != nil || finish.Reason != tt.reason {
				t.Errorf("got %+v, %v; want reason %q", finish, err, tt.reason)
			}
			if got := out.chunks(); !slices.Equal(got, tt.want) {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
			if len(out.metas) != 1 {
				t.Errorf("started %d times", len(out.metas))
			}
		})
	}
}

func TestAStreamReportsModelAndID(t *testing.T) {
	t.Parallel()
	out := &sink{}
	if _, err := streamOf(t, provider.OpChat, `{}`, out, event(wordChunk), event(endChunk), done); err != nil {
		t.Fatal(err)
	}
	if want := (provider.Meta{Status: 200, RequestID: "c1", Model: "m-1"}); !reflect.DeepEqual(out.metas[0], want) {
		t.Errorf("got %+v, want %+v", out.metas[0], want)
	}
}

func TestTheUsageChunkIsForCallersWhoAskedForIt(t *testing.T) {
	t.Parallel()
	parts := []string{event(wordChunk), event(endChunk), event(usageChunk), done}
	for body, want := range map[string][]string{
		`{}`: {wordChunk, endChunk},
		`{"stream_options":{"include_usage":false}}`: {wordChunk, endChunk},
		`{"stream_options":{"include_usage":true}}`:  {wordChunk, endChunk, usageChunk},
	} {
		out := &sink{}
		finish, err := streamOf(t, provider.OpChat, body, out, parts...)
		if err != nil || finish.Usage == nil || *finish.Usage != allUsage {
			t.Errorf("%s: got %+v, %v", body, finish, err)
		}
		if got := out.chunks(); !slices.Equal(got, want) {
			t.Errorf("%s: got %q", body, got)
		}
		if !slices.Equal(out.usages, []provider.Usage{allUsage}) {
			t.Errorf("%s: reported %+v", body, out.usages)
		}
	}
}

func TestUsageBesideTheLastWordsIsPassedOn(t *testing.T) {
	t.Parallel()
	last := `{"choices":[{"index":0,"delta":{},"finish_reason":"length"}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}`
	out := &sink{}
	finish, err := streamOf(t, provider.OpChat, `{}`, out, event(last), done)
	if err != nil || finish.Reason != "length" || finish.Usage == nil || finish.Usage.Total != 2 || !slices.Equal(out.chunks(), []string{last}) {
		t.Errorf("got %+v, %v, %q", finish, err, out.chunks())
	}
}

func TestAStreamThatEndsWithoutAnEndIsAnError(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		parts   []string
		words   string
		started bool
	}{
		"after some words":           {[]string{event(roleChunk), event(wordChunk)}, "without [DONE] or a finish reason", true},
		"inside a chunk":             {[]string{event(roleChunk), "data: " + wordChunk[:40]}, "inside a chunk", true},
		"before the first chunk":     {[]string{": ping\n\n"}, "before the first chunk", false},
		"at once":                    {nil, "before the first chunk", false},
		"with [DONE] and no chunk":   {[]string{done}, "before its first chunk", false},
		"with something that is not": {[]string{event(roleChunk), event("nonsense")}, "a chunk in JSON was expected", true},
		"with nonsense first":        {[]string{event("nonsense")}, "a chunk in JSON was expected", false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out := &sink{}
			s := newService(t, oneByOne(out, tt.parts...))
			_, err := s.open(t, dialect(nil), nil).Stream(t.Context(), &provider.Request{Operation: provider.OpChat, Body: []byte(`{}`)}, out)
			e := wantError(t, err, provider.CodeProtocol)
			if !strings.Contains(e.Message, tt.words) || e.Source != provider.SourceUpstream {
				t.Errorf("got %+v, want words %q", e, tt.words)
			}
			if started := len(out.metas) > 0; started != tt.started {
				t.Errorf("started: %v, want %v", started, tt.started)
			}
		})
	}
}

func TestErrorsInsideAStreamAreTyped(t *testing.T) {
	t.Parallel()
	failed := event(`{"error":{"message":"too many","type":"rate_limit_error","code":null}}`)
	tests := map[string]struct {
		parts []string
		code  provider.Code
		sent  int
	}{
		"before the first chunk":   {[]string{failed + done}, provider.CodeRateLimit, 0},
		"together with the first":  {[]string{event(roleChunk) + failed}, provider.CodeRateLimit, 0},
		"after the first chunk":    {[]string{event(roleChunk), failed + done}, provider.CodeRateLimit, 1},
		"together with the second": {[]string{event(roleChunk), event(wordChunk) + failed}, provider.CodeRateLimit, 2},
		"with a status inside":     {[]string{event(`{"error":{"code":401,"message":"m"}}`)}, provider.CodeAuth, 0},
		"a mere text":              {[]string{event(`{"error":"out of memory"}`)}, provider.CodeUpstream, 0},
		"beside a choice":          {[]string{event(`{"choices":[{"finish_reason":"error"}],"error":{"message":"m"}}`)}, provider.CodeUpstream, 0},
		"as an event of that name": {[]string{"event: error\n" + event(`{"type":"error","code":"invalid_prompt","message":"m"}`)}, provider.CodeInvalidRequest, 0},
		"no money":                 {[]string{event(`{"error":{"message":"m","code":"insufficient_quota"}}`)}, provider.CodeQuota, 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out := &sink{}
			s := newService(t, oneByOne(out, tt.parts...))
			_, err := s.open(t, dialect(nil), nil).Stream(t.Context(), &provider.Request{Operation: provider.OpChat, Body: []byte(`{}`)}, out)
			wantError(t, err, tt.code)
			if got := len(out.chunks()); got != tt.sent {
				t.Errorf("%d chunks were passed on, want %d", got, tt.sent)
			}
		})
	}
}

func TestNamedEventsArePassedOnAndEndTheStream(t *testing.T) {
	t.Parallel()
	created := `{"type":"response.created","sequence_number":0,"response":{"id":"r1","object":"response","status":"in_progress","model":"m","usage":null}}`
	delta := `{"type":"response.output_text.delta","sequence_number":1,"delta":"hi"}`
	completed := `{"type":"response.completed","sequence_number":2,"response":{"id":"r1","object":"response","status":"completed","model":"m","output":[{"a":1}],"usage":{"input_tokens":1,"output_tokens":2,"total_tokens":3}}}`
	incomplete := `{"type":"response.incomplete","response":{"object":"response","status":"incomplete","incomplete_details":{"reason":"content_filter"}}}`
	out := &sink{}
	finish, err := streamOf(t, provider.OpResponses, `{}`, out,
		"event: response.created\n"+event(created), "event: response.output_text.delta\n"+event(delta), "event: response.completed\n"+event(completed))
	if err != nil || finish.Reason != "stop" || finish.Usage == nil || finish.Usage.Total != 3 {
		t.Errorf("got %+v, %v", finish, err)
	}
	if got := out.chunks(); !slices.Equal(got, []string{created, delta, completed}) || out.metas[0].Model != "m" {
		t.Errorf("got %q with %+v", got, out.metas)
	}
	finish, err = streamOf(t, provider.OpResponses, `{}`, &sink{}, event(incomplete))
	if err != nil || finish.Reason != "content_filter" {
		t.Errorf("got %+v, %v", finish, err)
	}
}

func TestANamedEventSaysItsNameInItsData(t *testing.T) {
	t.Parallel()
	out := &sink{}
	_, err := streamOf(t, provider.OpImagesGenerate, `{}`, out,
		"event: image_generation.partial_image\n"+event(`{"b64_json":"AA"}`),
		"event: image_generation.completed\n"+event(`{"type":"image_generation.completed","usage":{"input_tokens":1,"output_tokens":1}}`))
	want := []string{`{"type":"image_generation.partial_image","b64_json":"AA"}`, `{"type":"image_generation.completed","usage":{"input_tokens":1,"output_tokens":1}}`}
	if err != nil || !slices.Equal(out.chunks(), want) {
		t.Errorf("got %q, %v", out.chunks(), err)
	}
}

func TestAFailedOrCutResponseIsATypedError(t *testing.T) {
	t.Parallel()
	created := event(`{"type":"response.created","response":{"id":"r1"}}`)
	tests := map[string]struct {
		last string
		code provider.Code
	}{
		"response.failed":      {event(`{"type":"response.failed","response":{"status":"failed","error":{"code":"rate_limit_exceeded","message":"m"}}}`), provider.CodeRateLimit},
		"error":                {event(`{"type":"error","code":"server_error","message":"m","param":null}`), provider.CodeUpstream},
		"no last event":        {"", provider.CodeProtocol},
		"[DONE] is no event":   {"data: nonsense\n\n", provider.CodeProtocol},
		"an inner that is bad": {event(`{"type":"response.completed","response":[1]}`), provider.CodeProtocol},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := streamOf(t, provider.OpResponses, `{}`, &sink{}, created, tt.last)
			if e := wantError(t, err, tt.code); e.Type == "error" {
				t.Errorf("got %+v", e)
			}
		})
	}
}

func TestChunksThatArrivedTogetherAreSentTogetherAndNoneWaits(t *testing.T) {
	t.Parallel()
	out := &sink{}
	s := newService(t, oneByOne(out, event(roleChunk), event(wordChunk)+event(wordChunk)+event(wordChunk), event(endChunk), done))
	if _, err := s.open(t, dialect(nil), nil).Stream(t.Context(), &provider.Request{Operation: provider.OpChat, Body: []byte(`{}`)}, out); err != nil {
		t.Fatal(err)
	}
	var sizes []int
	for _, send := range out.sends {
		sizes = append(sizes, len(send))
	}
	if !slices.Equal(sizes, []int{1, 3, 1}) {
		t.Errorf("batches of %v, want 1, 3, 1", sizes)
	}
}

func TestACallerWhoLeavesClosesTheUpstreamConnection(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"context", "sink"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			gone := make(chan struct{})
			s := newService(t, func(w http.ResponseWriter, r *http.Request) {
				answerSSE(event(roleChunk))(w, r)
				<-r.Context().Done()
				close(gone)
			})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			out := &sink{}
			left := errors.New("the caller left")
			if name == "sink" {
				out.fail = left
			} else {
				out.onSend = cancel
			}
			_, err := s.open(t, dialect(nil), nil).Stream(ctx, &provider.Request{Operation: provider.OpChat, Body: []byte(`{}`)}, out)
			if name == "sink" && !errors.Is(err, left) {
				t.Errorf("got %v, want the sink's error", err)
			}
			if name == "context" {
				wantError(t, err, provider.CodeCanceled)
			}
			select {
			case <-gone:
			case <-time.After(time.Second):
				t.Error("the upstream connection is still open after a second")
			}
		})
	}
}

func TestAConnectionThatBreaksInAStreamIsAnError(t *testing.T) {
	t.Parallel()
	s := newService(t, func(w http.ResponseWriter, _ *http.Request) {
		answerSSE(event(wordChunk))(w, nil)
		conn, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			_ = conn.(*net.TCPConn).SetLinger(0)
			_ = conn.Close()
		}
	})
	out := &sink{}
	_, err := s.open(t, dialect(nil), nil).Stream(t.Context(), &provider.Request{Operation: provider.OpChat, Body: []byte(`{}`)}, out)
	wantError(t, err, provider.CodeProtocol)
}
