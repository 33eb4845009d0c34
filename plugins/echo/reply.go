package main

import (
	"encoding/json"
	"strings"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// reply is what echo has decided to answer, before it is written as one body
// or as a stream. Words stand for tokens, in the reply as in its usage.
type reply struct {
	id, model string
	words     []string
	finish    string
	usage     provider.Usage
	tool      *provider.ToolCall // instead of a text; words are then its arguments
}

// say makes the reply a text of at most limit words; nil is no limit.
func (r *reply) say(text string, limit *int) {
	r.words, r.finish = strings.Fields(text), "stop"
	if limit != nil && len(r.words) > max(*limit, 0) {
		r.words, r.finish = r.words[:max(*limit, 0)], "length"
	}
}

// callTool makes the reply a call of the named tool with the prompt as its only
// argument.
func (r *reply) callTool(name, prompt string) {
	arguments, _ := json.Marshal(map[string]string{"prompt": prompt}) // strings always encode
	r.tool = &provider.ToolCall{
		ID: "call_" + r.id, Type: "function",
		Function: provider.FunctionCall{Name: name, Arguments: string(arguments)},
	}
	r.words, r.finish = strings.SplitAfter(string(arguments), " "), "tool_calls"
}

// count fills in the usage: the words of all messages and those of the reply.
func (r *reply) count(messages []provider.Message) {
	for _, m := range messages {
		r.usage.Input += countWords(m.Content.String())
	}
	r.usage.Output = int64(len(r.words))
	r.usage.Total = r.usage.Input + r.usage.Output
}

// text is the reply as a whole.
func (r *reply) text() string { return strings.Join(r.words, " ") }

// deltas are the steps in which the reply is streamed. A tool call begins with
// its name and id, its arguments follow in fragments.
func (r *reply) deltas() []provider.Delta {
	deltas := make([]provider.Delta, len(r.words))
	for i, word := range r.words {
		if r.tool != nil {
			deltas[i] = provider.Delta{ToolCalls: []provider.ToolCall{r.fragment(i)}}
			continue
		}
		if i > 0 {
			word = " " + word
		}
		deltas[i] = provider.Delta{Content: &word}
	}
	return deltas
}

func (r *reply) fragment(i int) provider.ToolCall {
	index := 0
	call := provider.ToolCall{Index: &index, Function: provider.FunctionCall{Arguments: r.words[i]}}
	if i == 0 {
		call.ID, call.Type, call.Function.Name = r.tool.ID, r.tool.Type, r.tool.Function.Name
	}
	return call
}

// promptOf returns the text that is said back: the last message of the user or
// of a tool, else the last message of anyone.
func promptOf(messages []provider.Message) string {
	for i := len(messages) - 1; i >= 0; i-- {
		if role := messages[i].Role; role == "user" || role == "tool" {
			return messages[i].Content.String()
		}
	}
	return messages[len(messages)-1].Content.String()
}

// chooseTool returns the name of the tool to call, "" for none. A tool is called
// if tool_choice names it, if tool_choice is "required" (the first one), or if
// the user's prompt contains its name. The result of a tool is never answered
// with another call, so that conversations end.
func chooseTool(req *provider.ChatRequest, prompt string) string {
	var word string
	var object struct {
		Function struct {
			Name string `json:"name"`
		} `json:"function"`
	}
	if len(req.ToolChoice) > 0 && json.Unmarshal(req.ToolChoice, &word) != nil {
		_ = json.Unmarshal(req.ToolChoice, &object) // neither form: as if it were not there
	}
	afterTool := req.Messages[len(req.Messages)-1].Role == "tool"
	for _, tool := range req.Tools {
		if tool.Function == nil || word == "none" || afterTool {
			continue
		}
		name := tool.Function.Name
		if name == object.Function.Name || word == "required" || strings.Contains(prompt, name) {
			return name
		}
	}
	return ""
}

func countWords(text string) int64 { return int64(len(strings.Fields(text))) }
