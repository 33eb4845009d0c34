package tgi

import (
	"encoding/json"

	"github.com/backplane-dev/backplane/plugins/internal/hf"
	"github.com/backplane-dev/backplane/sdk/openaicompat"
)

// renamed are fields that the server knows by another name.
var renamed = map[string]string{"max_completion_tokens": "max_tokens"}

// ignoredEverywhere and the two lists below are fields that the server reads and
// forgets, which would change the answer if it did not.
var ignoredEverywhere = []openaicompat.Field{
	{Name: "n", Harmless: []string{"1"}, Why: "must be 1: the server gives one choice; make several requests"},
	{Name: "logit_bias", Harmless: []string{"{}"}, Why: notOffered},
	{Name: "top_k", Why: "is taken by the operation generate alone; leave it out"},
	{Name: "typical_p", Why: "is taken by the operation generate alone; leave it out"},
}

var refuseInChat = openaicompat.RefuseFields(append([]openaicompat.Field{
	{Name: "repetition_penalty", Why: "is not taken by the server's chat; give presence_penalty, or use the operation generate"},
	{Name: "functions", Harmless: []string{"[]"}, Why: "is not offered by the server; write it as tools"},
	{Name: "modalities", Harmless: []string{`["text"]`, "[]"}, Why: "must be [\"text\"]: the server answers with text alone"},
	{Name: "audio", Why: notOffered},
	{Name: "prediction", Why: notOffered},
	{Name: "reasoning_effort", Why: notOffered},
	{Name: "verbosity", Why: "is not offered by the server; ask for short answers in a message"},
	{Name: "web_search_options", Why: notOffered},
}, ignoredEverywhere...)...)

var refuseInCompletions = openaicompat.RefuseFields(append([]openaicompat.Field{
	{Name: "best_of", Harmless: []string{"1"}, Why: "is taken by the operation generate alone; leave it out"},
	{Name: "echo", Harmless: []string{"false"}, Why: "is not offered by the server; use the operation generate with return_full_text"},
	{Name: "logprobs", Harmless: []string{"0"}, Why: "is not offered by the server; use the operation generate with details"},
	{Name: "presence_penalty", Harmless: []string{"0", "0.0"}, Why: "is not taken by the server's completions; give repetition_penalty"},
}, ignoredEverywhere...)...)

// chatRequest makes a request that the server takes of one that OpenAI takes.
func chatRequest(body []byte) ([]byte, error) {
	if _, err := refuseInChat(body); err != nil {
		return nil, err
	}
	return adaptChat(body)
}

var adaptChat = hf.Adapt(neutral, responseFormat, toolList, messageList)

// completionRequest does the same for completions.
func completionRequest(body []byte) ([]byte, error) {
	if _, err := refuseInCompletions(body); err != nil {
		return nil, err
	}
	return adaptCompletion(body)
}

var adaptCompletion = hf.Adapt(neutral, promptList)

// neutral removes values that ask for nothing and that the server refuses, or
// takes for something else: its presence_penalty 0 is a strong penalty.
func neutral(f *hf.Fields) error {
	if f.IsNumber("top_p", 1) {
		f.Remove("top_p")
	}
	if f.IsNumber("presence_penalty", 0) {
		f.Remove("presence_penalty")
	}
	f.Remove("logit_bias") // it is empty, else it was refused
	return f.ListOf("stop")
}

// promptList makes the list of texts that the server's description wants.
func promptList(f *hf.Fields) error {
	var texts []string
	if err := f.ListOf("prompt"); err != nil {
		return err
	}
	if raw := f.Get("prompt"); raw != nil && json.Unmarshal(raw, &texts) != nil {
		return hf.Invalid("prompt", `field "prompt" must be a string or a list of strings: the server takes no token numbers here`)
	}
	return nil
}

// responseFormat writes the schema as the server's grammar.
func responseFormat(f *hf.Fields) error {
	raw := f.Get("response_format")
	if raw == nil {
		return nil
	}
	var format struct {
		Type       string          `json:"type"`
		Value      json.RawMessage `json:"value"`
		JSONSchema *struct {
			Name   string          `json:"name,omitempty"`
			Schema json.RawMessage `json:"schema"`
		} `json:"json_schema"`
	}
	if err := json.Unmarshal(raw, &format); err != nil {
		return hf.Invalid("response_format", `field "response_format" must be an object with "type"`)
	}
	switch {
	case format.Value != nil: // the server's own form
		return nil
	case format.Type == "text":
		f.Remove("response_format")
		return nil
	case format.Type == "json_schema" && format.JSONSchema != nil && format.JSONSchema.Schema != nil:
		return f.Set("response_format", map[string]any{"type": "json_schema", "value": format.JSONSchema})
	case format.Type == "json_object":
		return hf.Invalid("response_format", `response_format "json_object" is not offered by the server, which needs to know the properties; give a "json_schema"`)
	default:
		return hf.Invalid("response_format", `field "response_format" must be {"type":"json_schema","json_schema":{"name":...,"schema":...}}`)
	}
}

// toolList gives the parameters of functions the name by which the server knows
// them, and an empty list of those that have none.
func toolList(f *hf.Fields) error {
	raw := f.Get("tools")
	if raw == nil {
		return nil
	}
	var tools []map[string]json.RawMessage
	if err := json.Unmarshal(raw, &tools); err != nil {
		return hf.Invalid("tools", `field "tools" must be a list of objects`)
	}
	if len(tools) == 0 {
		f.Remove("tools")
		f.Remove("tool_choice")
		return nil
	}
	for _, tool := range tools {
		function, err := hf.ReadFields(tool["function"])
		if err != nil || function.Text("name") == "" {
			return hf.Invalid("tools", `each of "tools" must be {"type":"function","function":{"name":...}}`)
		}
		if tool["function"], err = serverFunction(function); err != nil {
			return err
		}
	}
	return f.Set("tools", tools)
}

func serverFunction(function *hf.Fields) (json.RawMessage, error) {
	arguments := function.Get("arguments")
	if parameters := function.Get("parameters"); parameters != nil {
		arguments = parameters
	}
	if arguments == nil {
		arguments = json.RawMessage(`{"type":"object","properties":{}}`)
	}
	function.Remove("parameters")
	if err := function.Set("arguments", arguments); err != nil {
		return nil, err
	}
	return function.JSON(nil)
}
