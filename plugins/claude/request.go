package main

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// dropped are fields of OpenAI's that change nothing or little when they are
// left out; Claude refuses bodies that have them. The README lists them.
var dropped = []string{
	"store", "prompt_cache_key", "prompt_cache_retention", "prediction", "verbosity", "safety_identifier",
	"metadata", "logprobs", "top_logprobs", "logit_bias", "modalities", "audio", "functions", "function_call",
	"web_search_options", "stream_options",
}

// refused are those among them that callers rely on.
var refused = []string{
	"logprobs", "top_logprobs", "logit_bias", "audio", "functions", "function_call", "web_search_options",
}

// translate makes the body of a request of the canonical one.
func (e *endpoint) translate(req *provider.ChatRequest) (*body, error) {
	if err := e.refuse(req); err != nil {
		return nil, err
	}
	b := &body{Model: req.Model, TopP: req.TopP, StopSequences: req.Stop, extra: maps.Clone(req.Extra)}
	steps := []func(*provider.ChatRequest, *body) error{conversation, setTools, e.setFormat, e.setThinking, e.setTemperature, setRest}
	for _, step := range steps {
		if err := step(req, b); err != nil {
			return nil, err
		}
	}
	for name, value := range b.extra {
		if slices.Contains(dropped, name) || string(value) == "null" {
			delete(b.extra, name)
		}
	}
	return b, nil
}

// refuse names the first parameter that Claude cannot honour.
func (e *endpoint) refuse(req *provider.ChatRequest) error {
	if e.own.DropUnsupported {
		return nil
	}
	switch {
	case req.N != nil && *req.N > 1:
		return unsupported("n", "Claude gives one answer")
	case req.PresencePenalty != nil && *req.PresencePenalty != 0:
		return unsupported("presence_penalty", "Claude has no penalties")
	case req.FrequencyPenalty != nil && *req.FrequencyPenalty != 0:
		return unsupported("frequency_penalty", "Claude has no penalties")
	}
	for _, name := range refused {
		if !empty(req.Extra[name]) {
			return unsupported(name, "Claude has nothing like it")
		}
	}
	var modalities []string
	if raw := req.Extra["modalities"]; !empty(raw) && (json.Unmarshal(raw, &modalities) != nil || !slices.Equal(modalities, []string{"text"})) {
		return unsupported("modalities", "Claude answers in text")
	}
	return nil
}

func unsupported(param, why string) error {
	return invalid(param, "%q cannot be used: %s; leave it out, or set drop_unsupported in the endpoint", param, why)
}

// invalid is the error of a request that cannot be translated.
func invalid(param, format string, args ...any) error {
	e := provider.Errorf(provider.CodeInvalidRequest, format, args...)
	e.Param, e.Source = param, provider.SourceCaller
	return e
}

// empty reports whether a JSON value says nothing.
func empty(raw json.RawMessage) bool {
	switch string(raw) {
	case "", "null", "false", "0", `""`, "{}", "[]":
		return true
	default:
		return false
	}
}

// setTemperature checks the range, which is half of OpenAI's.
func (e *endpoint) setTemperature(req *provider.ChatRequest, b *body) error {
	b.Temperature = req.Temperature
	if req.Temperature == nil || *req.Temperature <= 1 {
		return nil
	}
	if !e.own.DropUnsupported {
		return invalid("temperature", "temperature is %v; Claude takes 0 to 1", *req.Temperature)
	}
	most := 1.0
	b.Temperature = &most
	return nil
}

// setFormat asks for JSON of a schema. Claude knows no JSON without one.
func (e *endpoint) setFormat(req *provider.ChatRequest, b *body) error {
	if raw := take(b.extra, "output_config"); !empty(raw) {
		if err := json.Unmarshal(raw, &b.OutputConfig); err != nil {
			return invalid("output_config", "output_config must be an object")
		}
	}
	f := req.ResponseFormat
	switch {
	case f == nil || f.Type == "text" || f.Type == "":
		return nil
	case f.Type == "json_schema":
	case e.own.DropUnsupported:
		return nil
	case f.Type == "json_object":
		return invalid("response_format", "Claude has no JSON mode without a schema; use the type json_schema, or say in the prompt what to write")
	default:
		return invalid("response_format", "the type %q of response_format is not known; use text or json_schema", f.Type)
	}
	var given struct {
		Schema json.RawMessage `json:"schema"`
	}
	if json.Unmarshal(f.JSONSchema, &given) != nil || len(given.Schema) == 0 || given.Schema[0] != '{' {
		return invalid("response_format.json_schema.schema", "response_format has no schema; give one in json_schema.schema")
	}
	return b.config("format", map[string]any{"type": "json_schema", "schema": given.Schema})
}

// config sets a field of output_config, unless the caller has.
func (b *body) config(name string, value any) error {
	if _, given := b.OutputConfig[name]; given {
		return nil
	}
	data, err := json.Marshal(value)
	if err != nil {
		return invalid(name, "%s cannot be sent: %w", name, err)
	}
	if b.OutputConfig == nil {
		b.OutputConfig = map[string]json.RawMessage{}
	}
	b.OutputConfig[name] = data
	return nil
}

// tiers are the service tiers of both sides.
var tiers = map[string]string{
	"auto": "auto", "priority": "auto", "default": "standard_only", "standard": "standard_only", "standard_only": "standard_only",
}

// setRest sets the user and the service tier.
func setRest(req *provider.ChatRequest, b *body) error {
	user := req.User
	if user == "" {
		_ = json.Unmarshal(req.Extra["safety_identifier"], &user) // another kind of value is none
	}
	var given metadata
	if json.Unmarshal(req.Extra["metadata"], &given) == nil && given.UserID != "" {
		user = given.UserID
	}
	if user != "" {
		b.Metadata = &metadata{UserID: user}
	}
	if len(b.StopSequences) > 0 {
		delete(b.extra, "stop_sequences")
	}
	raw := take(b.extra, "service_tier")
	if empty(raw) {
		return nil
	}
	var tier string
	if json.Unmarshal(raw, &tier) != nil || tiers[tier] == "" {
		return invalid("service_tier", "the service tier %s is not known; use auto or default", raw)
	}
	b.ServiceTier = tiers[tier]
	return nil
}

// take removes a field and returns it.
func take(extra provider.Extra, name string) json.RawMessage {
	value := extra[name]
	delete(extra, name)
	return value
}
