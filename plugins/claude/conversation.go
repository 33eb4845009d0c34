package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// conversation translates the messages. System messages have a place of their
// own at Anthropic, wherever they stand. Turns of the same role become one:
// the results of parallel tool calls must be together.
func conversation(req *provider.ChatRequest, b *body) error {
	if err := b.ownSystem(); err != nil {
		return err
	}
	for i, m := range req.Messages {
		where := fmt.Sprintf("messages[%d]", i)
		role, blocks, err := turn(where, m)
		if err != nil {
			return err
		}
		mark(blocks, m.Extra["cache_control"])
		last := len(b.Messages) - 1
		switch {
		case role == "system":
			b.System = append(b.System, blocks...)
		case len(blocks) == 0 && role == "assistant": // an empty answer is no turn
		case len(blocks) == 0:
			return invalid(where+".content", "%s is empty; Claude takes no turn without content", where)
		case last >= 0 && b.Messages[last].Role == role:
			b.Messages[last].Content = append(b.Messages[last].Content, blocks...)
		default:
			b.Messages = append(b.Messages, message{role, blocks})
		}
	}
	if len(b.Messages) == 0 {
		return invalid("messages", "there is no message but the system's; add one of the user")
	}
	return nil
}

// ownSystem takes the field of Anthropic's, a text or blocks.
func (b *body) ownSystem() error {
	raw := take(b.extra, "system")
	if empty(raw) {
		return nil
	}
	var text string
	if json.Unmarshal(raw, &text) == nil {
		b.System = []block{{Type: typeText, Text: text}}
		return nil
	}
	blocks, err := rawBlocks(raw)
	if err != nil {
		return invalid("system", "system must be a text or a list of blocks")
	}
	b.System = blocks
	return nil
}

// rawBlocks are blocks in Anthropic's form, kept as they stand.
func rawBlocks(list json.RawMessage) ([]block, error) {
	var all []json.RawMessage
	if err := json.Unmarshal(list, &all); err != nil {
		return nil, err
	}
	var blocks []block
	for _, raw := range all {
		blocks = append(blocks, block{raw: raw})
	}
	return blocks, nil
}

// turn translates one message.
func turn(where string, m provider.Message) (role string, blocks []block, err error) {
	switch m.Role {
	case "system", "developer":
		blocks, err = texts(where, m.Content)
		return "system", blocks, err
	case "user":
		blocks, err = contentBlocks(where, m.Content)
		return "user", blocks, err
	case "assistant":
		blocks, err = assistant(where, m)
		return "assistant", blocks, err
	case "tool":
		result, err := toolResult(where, m)
		return "user", []block{result}, err
	case "function":
		return "", nil, invalid(where+".role", "%s has the role function, which is no more; use tool with a tool_call_id", where)
	default:
		return "", nil, invalid(where+".role", "%s has the role %q; use system, developer, user, assistant or tool", where, m.Role)
	}
}

// texts translates a system message, which can hold nothing but text.
func texts(where string, c provider.Content) ([]block, error) {
	blocks, err := contentBlocks(where, c)
	for i, b := range blocks {
		if err == nil && b.Type != typeText {
			return nil, invalid(fmt.Sprintf("%s.content[%d]", where, i), "the system message %s has content that is not text", where)
		}
	}
	return blocks, err
}

// assistant translates an answer of earlier: in Claude's own blocks if the
// caller has kept them, else thinking, text and tool calls in this order.
func assistant(where string, m provider.Message) ([]block, error) {
	if raw := m.Extra["content_blocks"]; !empty(raw) {
		blocks, err := rawBlocks(raw)
		if err != nil {
			return nil, invalid(where+".content_blocks", "content_blocks of %s must be the list that an answer had", where)
		}
		return blocks, nil
	}
	var blocks []block
	if raw := m.Extra["thinking_blocks"]; !empty(raw) {
		var err error
		if blocks, err = rawBlocks(raw); err != nil {
			return nil, invalid(where+".thinking_blocks", "thinking_blocks of %s must be the list that an answer had", where)
		}
	}
	said, err := contentBlocks(where, m.Content)
	if err != nil {
		return nil, err
	}
	var refusal string
	if json.Unmarshal(m.Extra["refusal"], &refusal) == nil && refusal != "" && len(said) == 0 {
		said = []block{{Type: typeText, Text: refusal}}
	}
	blocks = append(blocks, said...)
	for i, call := range m.ToolCalls {
		b, err := toolUse(fmt.Sprintf("%s.tool_calls[%d]", where, i), call)
		if err != nil {
			return nil, err
		}
		blocks = append(blocks, b)
	}
	return blocks, nil
}

// toolUse translates a call that Claude made.
func toolUse(where string, call provider.ToolCall) (block, error) {
	if call.Function.Name == "" {
		return block{}, invalid(where+".function.name", "%s names no function", where)
	}
	input := json.RawMessage(strings.TrimSpace(call.Function.Arguments))
	if len(input) == 0 {
		input = json.RawMessage("{}")
	}
	if input[0] != '{' || !json.Valid(input) {
		return block{}, invalid(where+".function.arguments", "the arguments of %s are not a JSON object", where)
	}
	return block{
		Type: typeToolUse, ID: toolID(call.ID), Name: call.Function.Name, Input: input, CacheControl: call.Extra["cache_control"],
	}, nil
}

// toolResult translates what a tool gave.
func toolResult(where string, m provider.Message) (block, error) {
	if m.ToolCallID == "" {
		return block{}, invalid(where+".tool_call_id", "%s has no tool_call_id; say which call it answers", where)
	}
	content, err := contentBlocks(where, m.Content)
	if err != nil {
		return block{}, err
	}
	return block{Type: "tool_result", ToolUseID: toolID(m.ToolCallID), Content: content, IsError: string(m.Extra["is_error"]) == "true"}, nil
}

// toolID replaces what Anthropic refuses in an id, as those of other providers
// may have it when a conversation moves from one to another.
func toolID(id string) string {
	return strings.Map(func(r rune) rune {
		if r == '_' || r == '-' || r >= '0' && r <= '9' || r|0x20 >= 'a' && r|0x20 <= 'z' {
			return r
		}
		return '_'
	}, id)
}

// mark sets cache_control of a whole message on its last block.
func mark(blocks []block, cacheControl json.RawMessage) {
	if last := len(blocks) - 1; last >= 0 && !empty(cacheControl) && blocks[last].raw == nil {
		blocks[last].CacheControl = cacheControl
	}
}
