package main

import (
	"encoding/json"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// noParameters is the schema of a function without parameters, which Ollama
// wants to be given.
var noParameters = json.RawMessage(`{"type":"object","properties":{}}`)

// addTools adds the tools that the model may call.
func addTools(body request, req *provider.ChatRequest) error {
	switch choice := compact(req.ToolChoice); choice {
	case "", "null", `"auto"`:
	case `"none"`:
		return nil // a model that is given no tools calls none
	default:
		return invalid("tool_choice", `field "tool_choice" must be "auto" or "none": Ollama lets the model choose`)
	}
	var tools []provider.Tool
	for i, tool := range req.Tools {
		if tool.Type != "function" || tool.Function == nil {
			return invalid("tools", "tool %d has the type %q; Ollama takes functions alone", i, tool.Type)
		}
		function := *tool.Function
		function.Strict = nil // no such thing at Ollama
		if parameters := compact(function.Parameters); parameters == "" || parameters == "null" {
			function.Parameters = noParameters
		}
		tools = append(tools, provider.Tool{Type: tool.Type, Function: &function})
	}
	if tools != nil {
		body["tools"] = tools
	}
	return nil
}

// addFormat adds the form that the answer must have: "json" or a schema.
func addFormat(body request, format *provider.ResponseFormat) error {
	if format == nil {
		return nil
	}
	switch format.Type {
	case "", "text":
	case "json_object":
		body["format"] = "json"
	case "json_schema":
		var named struct {
			Schema json.RawMessage `json:"schema"`
		}
		if json.Unmarshal(format.JSONSchema, &named) != nil || compact(named.Schema) == "" {
			return invalid("response_format", "response_format has no json_schema.schema; give the schema there")
		}
		body["format"] = named.Schema
	default:
		return invalid("response_format", "response_format has the type %q; use text, json_object or json_schema", format.Type)
	}
	return nil
}

// addThink says whether and how hard the model thinks. Without a word of the
// caller Ollama decides.
func addThink(body request, effort string) {
	switch effort {
	case "":
	case "none":
		body["think"] = false
	case "minimal":
		body["think"] = "low"
	case "xhigh":
		body["think"] = "high"
	default:
		body["think"] = effort
	}
}
