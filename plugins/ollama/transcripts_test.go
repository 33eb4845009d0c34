package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/plugins/internal/plugintest"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// operationOf are the operations behind the recorded paths.
var operationOf = map[string]string{
	"/api/chat": provider.OpChat, "/api/generate": "generate", "/api/embed": provider.OpEmbeddings, "/api/tags": provider.OpModels,
	"/api/show": "show", "/api/ps": "ps", "/api/copy": "copy", "/api/delete": "delete", "/api/version": "version",
}

// codeOf is the class of a recorded failure.
func codeOf(tr plugintest.Transcript) provider.Code {
	switch {
	case strings.Contains(tr.Answer(), "exceeds the context length"):
		return provider.CodeTooLarge
	case tr.Response.Status == http.StatusNotFound:
		return provider.CodeNotFound
	default:
		return provider.CodeInvalidRequest
	}
}

func TestARealOllamasAnswersAreUnderstood(t *testing.T) {
	t.Parallel()
	replayed := 0
	for _, tr := range plugintest.Transcripts(t, "ollama-v0.24.0.json") {
		op, ok := operationOf[tr.Request.Path]
		if !ok || tr.Response.Status == http.StatusMethodNotAllowed {
			continue
		}
		replayed++
		t.Run(tr.Name, func(t *testing.T) {
			t.Parallel()
			replay(t, tr, op)
		})
	}
	if replayed < 35 {
		t.Errorf("only %d exchanges were replayed", replayed)
	}
}

// replay asks for what was recorded, in OpenAI's words where they are asked for.
func replay(t *testing.T, tr plugintest.Transcript, op string) {
	t.Helper()
	body := tr.Body()
	switch op {
	case provider.OpChat:
		body = request1 // the recorded one is Ollama's, and wrong on purpose in places
	case provider.OpEmbeddings:
		if !strings.Contains(body, `"input": "`) && !strings.Contains(body, `"input":"`) && tr.Response.Status == http.StatusBadRequest {
			body = `{"model":"m","input":"a"}`
		}
	}
	conn := open(t, plugintest.Serve(t, tr.Replay))
	if tr.Response.Headers["content-type"] == lines {
		got, err := plugintest.Stream(t, conn, plugintest.Request(op, body))
		if tr.Response.Aborted {
			plugintest.WantError(t, err, provider.CodeProtocol)
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		checkStream(t, tr, op, got)
		return
	}
	got, err := conn.Call(t.Context(), plugintest.Request(op, body))
	if strings.Contains(tr.Answer(), `"embeddings":[]`) { // Ollama embeds nothing at all; the host does not ask
		plugintest.WantError(t, err, provider.CodeInvalidRequest)
		return
	}
	if tr.Response.Status != http.StatusOK {
		e := plugintest.WantError(t, err, codeOf(tr))
		if codeOf(tr) == provider.CodeNotFound && !strings.Contains(e.Message, "ollama pull") {
			t.Errorf("got %v", e)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if op == provider.OpChat {
		checkChat(t, tr, got)
	}
}

// said is the text, the calls and the counts of recorded lines, read by other
// eyes than the provider's.
func said(t *testing.T, tr plugintest.Transcript) (text, reason string, calls int, output int64) {
	t.Helper()
	for line := range strings.SplitSeq(strings.TrimSpace(tr.Answer()), "\n") {
		var got map[string]any
		if err := json.Unmarshal([]byte(line), &got); err != nil {
			t.Fatal(err)
		}
		if message, ok := got["message"].(map[string]any); ok {
			text += message["content"].(string)
			list, _ := message["tool_calls"].([]any)
			calls += len(list)
		}
		if part, ok := got["response"].(string); ok {
			text += part
		}
		reason, _ = got["done_reason"].(string)
		count, _ := got["eval_count"].(float64)
		output = int64(count)
	}
	return text, reason, calls, output
}

func checkStream(t *testing.T, tr plugintest.Transcript, op string, got plugintest.Streamed) {
	t.Helper()
	text, reason, calls, output := said(t, tr)
	var all string
	toolCalls := 0
	for _, c := range got.Chunks {
		if op != provider.OpChat {
			var line struct{ Response string }
			if err := json.Unmarshal([]byte(c), &line); err != nil {
				t.Fatal(err)
			}
			all += line.Response
			continue
		}
		var chunk provider.ChatChunk
		if err := json.Unmarshal([]byte(c), &chunk); err != nil {
			t.Fatal(err)
		}
		if content := chunk.Choices[0].Delta.Content; content != nil {
			all += *content
		}
		toolCalls += len(chunk.Choices[0].Delta.ToolCalls)
	}
	if calls > 0 {
		reason = "tool_calls"
	}
	if all != text || toolCalls != calls || got.Finish.Reason != reason || got.Finish.Usage == nil || got.Finish.Usage.Output != output {
		t.Errorf("got %q, %d calls, %+v; want %q, %d, %s, %d", all, toolCalls, got.Finish, text, calls, reason, output)
	}
}

func checkChat(t *testing.T, tr plugintest.Transcript, resp *provider.Response) {
	t.Helper()
	text, reason, calls, output := said(t, tr)
	var got provider.ChatResponse
	if err := json.Unmarshal(resp.Body, &got); err != nil {
		t.Fatal(err)
	}
	message := got.Choices[0].Message
	switch {
	case calls > 0:
		reason = "tool_calls"
		if message.Content != nil || message.ToolCalls[0].Function.Arguments != `{"city":"Paris"}` {
			t.Errorf("got %s", resp.Body)
		}
	case *message.Content != text:
		t.Errorf("got %q, want %q", *message.Content, text)
	}
	if reason == "load" || reason == "unload" {
		if resp.FinishReason != "stop" || resp.Usage != nil || !strings.Contains(string(resp.Body), `"done_reason":"`+reason+`"`) {
			t.Errorf("got %+v %s", resp.Meta, resp.Body)
		}
		return
	}
	if resp.FinishReason != reason || resp.Usage.Output != output || len(message.ToolCalls) != calls {
		t.Errorf("got %+v", resp.Meta)
	}
	if strings.Contains(tr.Answer(), `"logprobs":[`) && !strings.Contains(string(resp.Body), `"logprobs":{"content":[{"token":" The"`) {
		t.Errorf("got %s", resp.Body)
	}
}
