package main

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// function is a tool of the caller's.
type function struct {
	Name        string          `json:"name"`
	Description string          `json:"description,omitempty"`
	InputSchema json.RawMessage `json:"input_schema"`
	Strict      *bool           `json:"strict,omitempty"`
}

// setTools translates the tools and which of them are to be used. Tools in
// Anthropic's own form, its server's tools among them, pass as they are.
func setTools(req *provider.ChatRequest, b *body) error {
	for i, t := range req.Tools {
		tool, err := toolOf(fmt.Sprintf("tools[%d]", i), t)
		if err != nil {
			return err
		}
		b.Tools = append(b.Tools, tool)
	}
	choice, err := choose(req)
	if err != nil || choice == nil {
		return err
	}
	b.ToolChoice, err = json.Marshal(choice)
	return err
}

func toolOf(where string, t provider.Tool) (json.RawMessage, error) {
	f := t.Function
	switch {
	case t.Extra["custom"] != nil:
		return nil, invalid(where, "%s is a custom tool, whose input is free text; Claude has functions only", where)
	case f == nil && t.Type == "function":
		return nil, invalid(where+".function", "%s has no function; give its name and parameters", where)
	case f == nil:
		own := struct {
			Type string `json:"type,omitempty"`
		}{t.Type}
		return merge(own, t.Extra)
	}
	schema, err := inputSchema(where, f.Parameters)
	if err != nil {
		return nil, err
	}
	return merge(function{f.Name, f.Description, schema, f.Strict}, t.Extra)
}

// inputSchema is a function's schema. Claude wants one, of the type object.
func inputSchema(where string, parameters json.RawMessage) (json.RawMessage, error) {
	if empty(parameters) {
		return json.RawMessage(`{"type":"object","properties":{}}`), nil
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(parameters, &fields) != nil {
		return nil, invalid(where+".function.parameters", "the parameters of %s must be a JSON schema, an object", where)
	}
	if fields["type"] != nil {
		return parameters, nil
	}
	fields["type"] = json.RawMessage(`"object"`)
	return json.Marshal(fields)
}

// toolChoice is Anthropic's tool_choice.
type toolChoice struct {
	Type            string `json:"type"`
	Name            string `json:"name,omitempty"`
	DisableParallel bool   `json:"disable_parallel_tool_use,omitempty"`

	Function *struct {
		Name string `json:"name"`
	} `json:"function,omitempty"`
}

// words are OpenAI's tool choices that are mere words.
var words = map[string]string{"auto": "auto", "required": "any", "none": "none", "any": "any"}

// choose translates tool_choice and parallel_tool_calls; nil says nothing.
func choose(req *provider.ChatRequest) (*toolChoice, error) {
	one := req.ParallelToolCalls != nil && !*req.ParallelToolCalls
	choice := &toolChoice{}
	if raw := req.ToolChoice; !empty(raw) {
		var word string
		if json.Unmarshal(raw, &word) == nil {
			choice.Type = words[word]
		} else if json.Unmarshal(raw, choice) != nil {
			choice.Type = ""
		}
		if choice.Type == "function" && choice.Function != nil {
			choice = &toolChoice{Type: "tool", Name: choice.Function.Name}
		}
		if choice.Function != nil || !slices.Contains([]string{"auto", "any", "tool", "none"}, choice.Type) {
			return nil, invalid("tool_choice", "the tool_choice %s is not known; use auto, required, none or the name of a function", raw)
		}
	}
	switch {
	case len(req.Tools) == 0 && (choice.Type == "auto" || choice.Type == "none"):
		return nil, nil // goes without saying, and is refused if it is said
	case choice.Type == "none":
		return choice, nil
	case one && choice.Type == "" && len(req.Tools) > 0:
		choice.Type = "auto"
	}
	if choice.Type == "" {
		return nil, nil
	}
	choice.DisableParallel = choice.DisableParallel || one
	return choice, nil
}
