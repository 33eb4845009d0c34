package main

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// translate makes the service's request of a canonical one.
func translate(req *provider.ChatRequest) ([]byte, error) {
	extra, err := newExtras(req)
	if err != nil {
		return nil, err
	}
	out := &generateRequest{ServiceTier: extra.serviceTier}
	c := conversation{calls: map[string]string{}}
	for i := range req.Messages {
		if err := c.add(i, &req.Messages[i]); err != nil {
			return nil, err
		}
	}
	out.Contents, out.SystemInstruction = c.contents, c.system
	if len(out.Contents) == 0 && !extra.has("contents") {
		return nil, invalid("messages", "there must be a message that is not a system message")
	}
	if out.Tools, err = tools(req.Tools); err != nil {
		return nil, err
	}
	if out.ToolConfig, err = toolChoice(req.ToolChoice); err != nil {
		return nil, err
	}
	if out.GenerationConfig, err = generation(req, extra); err != nil {
		return nil, err
	}
	return overlay(out, extra.rest)
}

// dropped are fields of OpenAI's that have no effect on the answer and no
// counterpart.
var dropped = []string{
	"metadata", "safety_identifier", "prompt_cache_key", "prompt_cache_retention", "prediction", "verbosity",
}

// refused are fields of OpenAI's that would change the answer and have no
// counterpart, with what to do instead.
var refused = map[string]string{
	"logit_bias":         "leave it out",
	"audio":              `leave it out, or use the operation "generate"`,
	"functions":          "use tools",
	"function_call":      "use tool_choice",
	"web_search_options": `put {"googleSearch":{}} into tools`,
}

// own are the service's fields under the names that its other clients write.
var own = map[string]string{
	"generation_config":  "generationConfig",
	"tool_config":        "toolConfig",
	"safety_settings":    "safetySettings",
	"cached_content":     "cachedContent",
	"system_instruction": "systemInstruction",
}

// tiers translates OpenAI's service_tier. "auto" is the service's default.
var tiers = map[string]string{"auto": "", "default": "standard", "standard": "standard", "flex": "flex", "priority": "priority"}

// extras are the fields of a request that the canonical type does not name.
type extras struct {
	topK        *int
	logprobs    bool
	topLogprobs *int
	modalities  []string
	serviceTier string
	rest        provider.Extra // the service's own fields, passed on as they are
}

func (x *extras) has(name string) bool { return x.rest[name] != nil }

// newExtras sorts the fields.
func newExtras(req *provider.ChatRequest) (*extras, error) {
	x := &extras{rest: provider.Extra{}}
	known := map[string]any{
		"top_k": &x.topK, "logprobs": &x.logprobs, "top_logprobs": &x.topLogprobs, "modalities": &x.modalities,
	}
	for name, value := range req.Extra {
		if into, ok := known[name]; ok {
			if err := json.Unmarshal(value, into); err != nil {
				return nil, invalid(name, "%s: %w", name, err)
			}
			continue
		}
		if err := x.sort(name, value); err != nil {
			return nil, err
		}
	}
	if req.ParallelToolCalls != nil && !*req.ParallelToolCalls && len(req.Tools) > 0 {
		return nil, invalid("parallel_tool_calls", "gemini cannot be told to call one function at a time; leave parallel_tool_calls out")
	}
	return x, nil
}

// sort puts one field where it belongs.
func (x *extras) sort(name string, value json.RawMessage) error {
	empty := name == "web_search_options" && string(value) == "{}" // asks for a search with nothing special
	if hint, ok := refused[name]; ok && (empty || isGiven(value)) {
		return invalid(name, "gemini has no %s; %s", name, hint)
	}
	switch {
	case slices.Contains(dropped, name), refused[name] != "":
		return nil
	case name == "service_tier":
		return x.tier(value)
	case name == "extra_body":
		return x.extraBody(value)
	}
	if canonical, ok := own[name]; ok {
		name = canonical
	}
	x.rest[name] = merged(x.rest[name], value)
	return nil
}

func (x *extras) tier(value json.RawMessage) error {
	var word *string
	if err := json.Unmarshal(value, &word); err != nil {
		return invalid("service_tier", "service_tier: %w", err)
	}
	if word == nil {
		return nil
	}
	tier, ok := tiers[*word]
	if !ok {
		return invalid("service_tier", "gemini has no service_tier %q; use auto, default, flex or priority", *word)
	}
	x.serviceTier = tier
	return nil
}

// extraBody reads {"google":{...}}, the form in which Google's own service in
// OpenAI's dialect takes its fields, so that clients of that one work here.
func (x *extras) extraBody(value json.RawMessage) error {
	var body struct {
		Google map[string]json.RawMessage `json:"google"`
	}
	if err := json.Unmarshal(value, &body); err != nil {
		return invalid("extra_body", "extra_body: %w", err)
	}
	for name, value := range body.Google {
		if name == "thinking_config" || name == "thinkingConfig" {
			name, value = "generationConfig", json.RawMessage(`{"thinkingConfig":`+string(value)+`}`)
		}
		if err := x.sort(name, value); err != nil {
			return err
		}
	}
	return nil
}

// isGiven reports whether a field says anything.
func isGiven(value json.RawMessage) bool {
	switch string(value) {
	case "", "null", "{}", "[]", "false", `""`:
		return false
	default:
		return true
	}
}

// overlay lays the caller's fields over the request. Objects that both have,
// such as generationConfig, are laid over each other field by field.
func overlay(out *generateRequest, extra provider.Extra) ([]byte, error) {
	data, err := json.Marshal(out)
	if err != nil || len(extra) == 0 {
		return data, err
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(data, &all); err != nil {
		return nil, fmt.Errorf("encode the request: %w", err)
	}
	for name, value := range extra {
		all[name] = merged(all[name], value)
	}
	return json.Marshal(all)
}

// merged lays the fields of over over those of under, if both are objects.
func merged(under, over json.RawMessage) json.RawMessage {
	var below, above map[string]json.RawMessage
	if !isObject(under) || !isObject(over) || json.Unmarshal(under, &below) != nil || json.Unmarshal(over, &above) != nil {
		return over
	}
	for name, value := range above {
		below[name] = value
	}
	both, err := json.Marshal(below)
	if err != nil {
		return over
	}
	return both
}
