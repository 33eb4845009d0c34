package main

import (
	"encoding/json"
	"fmt"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// tools translates the tools: the functions into one list of declarations; tools
// in the service's own form, such as {"googleSearch":{}}, stay as they are.
func tools(list []provider.Tool) ([]json.RawMessage, error) {
	var functions functionDeclarations
	var all []json.RawMessage
	for i, t := range list {
		at := fmt.Sprintf("tools[%d]", i)
		switch {
		case t.Function != nil && (t.Type == "function" || t.Type == ""):
			f, err := declaration(at+".function", t.Function)
			if err != nil {
				return nil, err
			}
			functions.Declarations = append(functions.Declarations, f)
		case t.Type == "" && len(t.Extra) > 0:
			raw, err := json.Marshal(t.Extra)
			if err != nil {
				return nil, fmt.Errorf("encode %s: %w", at, err)
			}
			all = append(all, raw)
		default:
			return nil, invalid(at, `gemini has no tool of type %q; use "function", or one of its own such as {"googleSearch":{}}`, t.Type)
		}
	}
	if len(functions.Declarations) == 0 {
		return all, nil
	}
	raw, err := json.Marshal(functions)
	if err != nil {
		return nil, fmt.Errorf("encode the tools: %w", err)
	}
	return append([]json.RawMessage{raw}, all...), nil
}

// declaration translates a function. Its parameters are written in the service's
// own form where that says the same, which all models understand, else handed
// on as the JSON schema that they are.
func declaration(at string, f *provider.Function) (functionDeclaration, error) {
	d := functionDeclaration{Name: f.Name, Description: f.Description}
	if f.Name == "" {
		return d, invalid(at+".name", "%s.name must be given", at)
	}
	if len(f.Parameters) == 0 || string(f.Parameters) == "null" {
		return d, nil
	}
	if !isObject(f.Parameters) {
		return d, invalid(at+".parameters", "%s.parameters must be a JSON schema of an object", at)
	}
	s, exact := convert(f.Parameters)
	switch {
	case !exact:
		d.ParametersJSONSchema = f.Parameters
	case s.Type == "OBJECT" && len(s.Properties) == 0:
		// The service refuses objects without properties; none is what it
		// understands by no parameters at all.
	default:
		d.Parameters = s
	}
	return d, nil
}

// modes are the service's words for tool_choice.
var modes = map[string]string{"auto": "AUTO", "none": "NONE", "required": "ANY"}

// toolChoice translates tool_choice, nil if it says nothing.
func toolChoice(raw json.RawMessage) (*toolConfig, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return nil, nil
	}
	var word string
	if json.Unmarshal(raw, &word) == nil {
		mode, ok := modes[word]
		if !ok {
			return nil, invalid("tool_choice", "gemini has no tool_choice %q; use auto, none, required or a function", word)
		}
		return &toolConfig{functionCallingConfig{Mode: mode}}, nil
	}
	return chosenTools(raw)
}

// chosenTools translates a choice of certain functions.
func chosenTools(raw json.RawMessage) (*toolConfig, error) {
	type named struct {
		Function struct {
			Name string `json:"name"`
		} `json:"function"`
	}
	var choice struct {
		Type string `json:"type"`
		named
		Allowed struct {
			Mode  string  `json:"mode"`
			Tools []named `json:"tools"`
		} `json:"allowed_tools"`
	}
	if err := json.Unmarshal(raw, &choice); err != nil {
		return nil, invalid("tool_choice", "tool_choice must be a word or an object: %w", err)
	}
	config := functionCallingConfig{Mode: "ANY"}
	switch {
	case choice.Type == "function" && choice.Function.Name != "":
		config.Allowed = []string{choice.Function.Name}
	case choice.Type == "allowed_tools" && len(choice.Allowed.Tools) > 0:
		if choice.Allowed.Mode != "required" {
			config.Mode = "VALIDATED" // the one mode without a must that takes names
		}
		for _, t := range choice.Allowed.Tools {
			config.Allowed = append(config.Allowed, t.Function.Name)
		}
	default:
		return nil, invalid("tool_choice", `tool_choice must be auto, none, required, {"type":"function","function":{"name":...}} or allowed_tools`)
	}
	return &toolConfig{config}, nil
}
