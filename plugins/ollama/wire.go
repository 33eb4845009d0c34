package main

import (
	"encoding/json"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// message is a message of Ollama's.
type message struct {
	Role       string     `json:"role"`
	Content    string     `json:"content"`
	Thinking   string     `json:"thinking,omitempty"`
	Images     []string   `json:"images,omitempty"`
	ToolCalls  []toolCall `json:"tool_calls,omitempty"`
	ToolName   string     `json:"tool_name,omitempty"`
	ToolCallID string     `json:"tool_call_id,omitempty"`
}

// toolCall is a call of a tool, whose arguments are an object and not a text.
type toolCall struct {
	ID       string `json:"id,omitempty"`
	Function struct {
		Name      string          `json:"name"`
		Arguments json.RawMessage `json:"arguments"`
	} `json:"function"`
}

// answer is a whole answer to a chat or a line of a streamed one, and likewise
// of generate.
type answer struct {
	Model     string          `json:"model"`
	CreatedAt string          `json:"created_at"`
	Message   message         `json:"message"`
	Done      bool            `json:"done"`
	Reason    string          `json:"done_reason"`
	Logprobs  json.RawMessage `json:"logprobs"`

	TotalDuration  int64  `json:"total_duration"`
	LoadDuration   int64  `json:"load_duration"`
	PromptCount    *int64 `json:"prompt_eval_count"`
	PromptDuration int64  `json:"prompt_eval_duration"`
	EvalCount      *int64 `json:"eval_count"`
	EvalDuration   int64  `json:"eval_duration"`
}

// finishReasons are OpenAI's words for Ollama's. A model that was only loaded or
// unloaded has nothing to say and stops.
var finishReasons = map[string]string{
	"": "stop", "stop": "stop", "length": "length", "load": "stop", "unload": "stop", "tool_calls": "tool_calls",
}

// finish returns the finish reason; Ollama says stop after tool calls as well.
func (a *answer) finish(calledTools bool) string {
	reason, known := finishReasons[a.Reason]
	if !known {
		reason = a.Reason
	}
	if calledTools && reason == "stop" {
		return "tool_calls"
	}
	return reason
}

// usage returns the token counts, nil if Ollama did not count.
func (a *answer) usage() *provider.Usage {
	if a.PromptCount == nil && a.EvalCount == nil {
		return nil
	}
	var u provider.Usage
	if a.PromptCount != nil {
		u.Input = max(*a.PromptCount, 0)
	}
	if a.EvalCount != nil {
		u.Output = max(*a.EvalCount, 0)
	}
	u.Total = u.Input + u.Output
	return &u
}

// extra returns what OpenAI's answer has no place for: why the model was loaded
// or stopped, and how long each step took, in nanoseconds.
func (a *answer) extra() provider.Extra {
	data, err := json.Marshal(map[string]any{
		"done_reason": a.Reason, "total_duration": a.TotalDuration, "load_duration": a.LoadDuration,
		"prompt_eval_duration": a.PromptDuration, "eval_duration": a.EvalDuration,
	})
	if err != nil {
		return nil // numbers and a text always encode
	}
	return provider.Extra{"ollama": data}
}

// logprobs returns the tokens' probabilities in OpenAI's shape.
func (a *answer) logprobs() json.RawMessage {
	if len(a.Logprobs) == 0 || string(a.Logprobs) == "null" {
		return nil
	}
	return json.RawMessage(`{"content":` + string(a.Logprobs) + `,"refusal":null}`)
}
