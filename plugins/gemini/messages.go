package main

import (
	"encoding/json"
	"fmt"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// conversation collects the service's turns.
type conversation struct {
	system   *content
	contents []content
	results  bool              // the last turn holds results of functions
	calls    map[string]string // names of the functions by the id of the call
}

// add translates one message.
func (c *conversation) add(i int, m *provider.Message) error {
	at := fmt.Sprintf("messages[%d]", i)
	switch m.Role {
	case "system", "developer":
		return c.instruct(at, m)
	case "user":
		parts, err := contentParts(at, m.Content)
		if err != nil {
			return err
		}
		c.turn(roleUser, false, parts)
	case "assistant":
		parts, err := c.modelParts(at, m)
		if err != nil {
			return err
		}
		c.turn(roleModel, false, parts)
	case "tool":
		result, err := c.result(at, m)
		if err != nil {
			return err
		}
		c.turn(roleUser, true, []part{{FunctionResponse: result}})
	default:
		return invalid(at+".role", "gemini has no role %q; use system, user, assistant or tool", m.Role)
	}
	return nil
}

// turn adds parts, to the last turn if that has the same role: the service wants
// roles to alternate. Results of functions are a turn of their own: it wants as
// many of them as there were calls, and nothing else beside them.
func (c *conversation) turn(role string, results bool, parts []part) {
	if len(parts) == 0 {
		return
	}
	if n := len(c.contents); n > 0 && c.contents[n-1].Role == role && c.results == results {
		c.contents[n-1].Parts = append(c.contents[n-1].Parts, parts...)
		return
	}
	c.results = results
	c.contents = append(c.contents, content{Role: role, Parts: parts})
}

// instruct adds to the system instruction, of which there is one.
func (c *conversation) instruct(at string, m *provider.Message) error {
	parts, err := contentParts(at, m.Content)
	if err != nil || len(parts) == 0 {
		return err
	}
	if c.system == nil {
		c.system = &content{}
	}
	c.system.Parts = append(c.system.Parts, parts...)
	return nil
}

// modelParts translates a message of the model: its text, what else it made, its
// calls of functions. Signatures go back with the part that they came with.
func (c *conversation) modelParts(at string, m *provider.Message) ([]part, error) {
	parts, err := contentParts(at, m.Content)
	if err != nil {
		return nil, err
	}
	if isGiven(m.Extra["function_call"]) {
		return nil, invalid(at+".function_call", "%s.function_call is of an older form; use tool_calls", at)
	}
	if len(parts) == 0 {
		parts = refusalPart(m)
	}
	if signature := signatureOf(m.Extra); signature != "" {
		if len(parts) == 0 {
			parts = []part{textPart("")}
		}
		parts[len(parts)-1].ThoughtSignature = signature
	}
	if raw := m.Extra[partsField]; raw != nil {
		var kept []part
		if err := json.Unmarshal(raw, &kept); err != nil {
			return nil, invalid(at+"."+partsField, "%s.%s: %w", at, partsField, err)
		}
		parts = append(parts, kept...)
	}
	for i := range m.ToolCalls {
		call, err := c.call(fmt.Sprintf("%s.tool_calls[%d]", at, i), &m.ToolCalls[i])
		if err != nil {
			return nil, err
		}
		parts = append(parts, call)
	}
	return parts, nil
}

// refusalPart is the text with which the model refused, in place of a content.
func refusalPart(m *provider.Message) []part {
	var refusal string
	if json.Unmarshal(m.Extra["refusal"], &refusal) != nil || refusal == "" {
		return nil // null, mostly
	}
	return []part{textPart(refusal)}
}

// call translates a call of a function and remembers its name for the result.
func (c *conversation) call(at string, t *provider.ToolCall) (part, error) {
	if t.Function.Name == "" {
		return part{}, invalid(at+".function.name", "%s.function.name must be given", at)
	}
	args := json.RawMessage(t.Function.Arguments)
	if len(args) == 0 {
		args = json.RawMessage("{}")
	}
	if !isObject(args) {
		return part{}, invalid(at+".function.arguments", "%s.function.arguments must be a JSON object in a string", at)
	}
	c.calls[t.ID] = t.Function.Name
	return part{
		FunctionCall:     &functionCall{ID: t.ID, Name: t.Function.Name, Args: args},
		ThoughtSignature: signatureOf(t.Extra),
	}, nil
}

// result translates the result of a function. The service wants its name, which
// the canonical message mostly leaves out.
func (c *conversation) result(at string, m *provider.Message) (*functionResponse, error) {
	name := c.calls[m.ToolCallID]
	if name == "" {
		name = m.Name
	}
	if name == "" {
		return nil, invalid(at+".tool_call_id", "%s.tool_call_id %q belongs to no call in the messages before; send the assistant's message with its tool_calls, or the function's name", at, m.ToolCallID)
	}
	parts, err := contentParts(at, m.Content)
	if err != nil {
		return nil, err
	}
	text := ""
	var media []part
	for _, p := range parts {
		switch {
		case p.Text != nil:
			text += *p.Text
		case p.InlineData != nil:
			media = append(media, p)
		default:
			return nil, invalid(at+".content", "%s.content: the result of a function can hold texts and files with their data, not addresses of files", at)
		}
	}
	return &functionResponse{ID: m.ToolCallID, Name: name, Response: resultObject(text), Parts: media}, nil
}

// resultObject makes the object that the service wants of a result: what is one
// already stays as it is, everything else becomes its "output".
func resultObject(text string) json.RawMessage {
	if isObject([]byte(text)) {
		return json.RawMessage(text)
	}
	var output any = text
	if len(text) > 0 && text[0] == '[' && json.Valid([]byte(text)) {
		output = json.RawMessage(text)
	}
	data, err := json.Marshal(map[string]any{"output": output})
	if err != nil {
		return json.RawMessage("{}") // texts and valid JSON always encode
	}
	return data
}

func isObject(data []byte) bool {
	var object map[string]json.RawMessage
	return json.Unmarshal(data, &object) == nil && object != nil
}
