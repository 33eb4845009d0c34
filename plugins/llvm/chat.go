package main

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// Chat implements [provider.Chatter]: the conversation becomes one text, and the
// output the answer.
func (e *endpoint) Chat(ctx context.Context, req *provider.ChatRequest) (*provider.ChatResponse, error) {
	model := req.Model
	if model == "" {
		model = e.model
	}
	if err := checkModel(model); err != nil {
		return nil, err
	}
	call, err := e.translate(req)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(call)
	if err != nil {
		return nil, err
	}
	out, _, meta, err := e.run(ctx, req.Call, model, body)
	if err != nil {
		return nil, err
	}
	text := string(out.Outputs) // an object is shown as its JSON
	if out.Outputs[0] == '"' {
		if err := json.Unmarshal(out.Outputs, &text); err != nil {
			return nil, err
		}
	}
	message := provider.ResponseMessage{Role: "assistant", Content: &text}
	return &provider.ChatResponse{
		ID: meta.RequestID, Model: meta.Model, Usage: meta.Usage.ChatUsage(), Meta: meta,
		Choices: []provider.Choice{{Message: message, FinishReason: meta.FinishReason}},
	}, nil
}

// refused are fields of a chat request that change the answer in a way that the
// protocol cannot say.
var refused = []string{
	"tools", "tool_choice", "functions", "function_call", "response_format", "n", "reasoning_effort",
	"logprobs", "top_logprobs", "logit_bias", "audio", "modalities", "prediction", "verbosity", "web_search_options",
}

// dropped are fields that change nothing about the answer.
var dropped = []string{
	"user", "metadata", "store", "parallel_tool_calls", "service_tier", "safety_identifier", "prompt_cache_key", "prompt_cache_retention", "stream_options",
}

// translate makes the protocol's request of a chat request.
func (e *endpoint) translate(req *provider.ChatRequest) (*inference, error) {
	if err := refuse(req); err != nil {
		return nil, err
	}
	text, err := e.flatten(req.Messages)
	if err != nil {
		return nil, err
	}
	out := &inference{Inputs: text, MaxTokens: req.MaxTokens, Temperature: req.Temperature, TopP: req.TopP, TopK: req.Extra["top_k"]}
	if req.MaxCompletionTokens != nil {
		out.MaxTokens = req.MaxCompletionTokens
	}
	out.Params, err = params(req)
	return out, err
}

// refuse reports a field that asks for what the protocol does not have.
func refuse(req *provider.ChatRequest) error {
	given := map[string]bool{
		"tools":            len(req.Tools) > 0,
		"tool_choice":      len(req.ToolChoice) > 0 && !slices.Contains([]string{"null", `"none"`, `"auto"`}, string(req.ToolChoice)),
		"response_format":  req.ResponseFormat != nil && req.ResponseFormat.Type != "text",
		"n":                req.N != nil && *req.N != 1,
		"reasoning_effort": req.ReasoningEffort != "" && req.ReasoningEffort != "none",
	}
	harmless := []string{"null", "false", "0", "{}", "[]", `["text"]`, `"none"`}
	for _, name := range refused {
		raw, extra := req.Extra[name]
		if given[name] || extra && !slices.Contains(harmless, string(raw)) {
			return invalid(name, "field %q cannot be expressed in the LLVM inference protocol; leave it out", name)
		}
	}
	return nil
}

// params are the parameters that have no field of their own. Servers refuse
// those that they do not know, so that none gets lost.
func params(req *provider.ChatRequest) (map[string]json.RawMessage, error) {
	all := map[string]json.RawMessage{}
	for name, raw := range req.Extra {
		if name != "top_k" && name != "params" && !slices.Contains(refused, name) && !slices.Contains(dropped, name) && string(raw) != "null" {
			all[name] = raw
		}
	}
	if raw, ok := req.Extra["params"]; ok {
		if err := json.Unmarshal(raw, &all); err != nil {
			return nil, invalid("params", `field "params" must be an object`)
		}
	}
	if all == nil { // "params" was null
		all = map[string]json.RawMessage{}
	}
	if len(req.Stop) > 0 {
		stop, err := json.Marshal([]string(req.Stop))
		if err != nil {
			return nil, err
		}
		all["stop"] = stop
	}
	if req.Seed != nil {
		all["seed"] = strconv.AppendInt(nil, *req.Seed, 10)
	}
	for name, value := range map[string]*float64{"presence_penalty": req.PresencePenalty, "frequency_penalty": req.FrequencyPenalty} {
		if value != nil {
			all[name] = strconv.AppendFloat(nil, *value, 'g', -1, 64)
		}
	}
	return all, nil
}

// roles are the words that a role has in the text.
var roles = map[string]string{"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}

// flatten writes a conversation as one line for each message, beginning with the
// role of who speaks.
func (e *endpoint) flatten(messages []provider.Message) (string, error) {
	lines := make([]string, 0, len(messages)+1)
	for i, m := range messages {
		at := "messages[" + strconv.Itoa(i) + "]"
		role, ok := roles[m.Role]
		switch {
		case !ok:
			return "", invalid(at+".role", "%s has the role %q; the LLVM inference protocol knows system, user and assistant", at, m.Role)
		case len(m.ToolCalls) > 0:
			return "", invalid(at+".tool_calls", "%s calls tools, which the LLVM inference protocol does not have", at)
		}
		for _, part := range m.Content.Parts {
			if part.Type != "text" {
				return "", invalid(at+".content", "%s has content of the type %q; the LLVM inference protocol has text alone", at, part.Type)
			}
		}
		lines = append(lines, role+": "+m.Content.String())
	}
	if len(lines) == 0 {
		return "", invalid("messages", `field "messages" is empty`)
	}
	if e.own.AssistantCue {
		lines = append(lines, "assistant:")
	}
	return strings.Join(lines, "\n"), nil
}
