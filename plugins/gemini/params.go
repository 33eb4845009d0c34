package main

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// generation translates the parameters, nil if there are none.
func generation(req *provider.ChatRequest, x *extras) (*generationConfig, error) {
	g := &generationConfig{
		MaxOutputTokens: req.MaxTokens, Temperature: req.Temperature, TopP: req.TopP, TopK: x.topK, CandidateCount: req.N,
		StopSequences: req.Stop, Seed: req.Seed, PresencePenalty: req.PresencePenalty, FrequencyPenalty: req.FrequencyPenalty,
		ResponseLogprobs: x.logprobs, Logprobs: x.topLogprobs,
	}
	if req.MaxCompletionTokens != nil {
		g.MaxOutputTokens = req.MaxCompletionTokens
	}
	if g.Seed != nil && (*g.Seed > math.MaxInt32 || *g.Seed < math.MinInt32) {
		return nil, invalid("seed", "seed must lie between -2147483648 and 2147483647, as gemini's does")
	}
	if g.Logprobs != nil && !g.ResponseLogprobs {
		return nil, invalid("top_logprobs", "top_logprobs needs logprobs: true")
	}
	if err := g.format(req.ResponseFormat); err != nil {
		return nil, err
	}
	if err := g.think(req); err != nil {
		return nil, err
	}
	for _, m := range x.modalities {
		g.ResponseModalities = append(g.ResponseModalities, strings.ToUpper(m))
	}
	if data, err := json.Marshal(g); err != nil || string(data) == "{}" {
		return nil, err
	}
	return g, nil
}

// format translates response_format. A schema is written in the service's own
// form where that says the same, else handed on as the JSON schema that it is.
func (g *generationConfig) format(f *provider.ResponseFormat) error {
	if f == nil {
		return nil
	}
	switch f.Type {
	case "text":
		return nil
	case "json_object":
		g.ResponseMimeType = "application/json"
		return nil
	case "json_schema":
		var wrapped struct {
			Schema json.RawMessage `json:"schema"`
		}
		if json.Unmarshal(f.JSONSchema, &wrapped) != nil || !isObject(wrapped.Schema) {
			return invalid("response_format.json_schema.schema", "response_format.json_schema.schema must be a JSON schema")
		}
		g.ResponseMimeType = "application/json"
		s, exact := convert(wrapped.Schema)
		if !exact || s.Type == "OBJECT" && len(s.Properties) == 0 {
			g.ResponseJSONSchema = wrapped.Schema
			return nil
		}
		s.order(wrapped.Schema)
		g.ResponseSchema = s
		return nil
	default:
		return invalid("response_format.type", "gemini has no response_format %q; use text, json_object or json_schema", f.Type)
	}
}

// efforts are the service's words for reasoning_effort, and the numbers of
// tokens that the models before them take in place of a word.
var efforts = map[string]struct {
	level  string
	budget int
}{
	"none":    {"", 0},
	"minimal": {"MINIMAL", 1024},
	"low":     {"LOW", 1024},
	"medium":  {"MEDIUM", 8192},
	"high":    {"HIGH", 24576},
}

// think translates reasoning_effort. Whoever asks for thoughts gets to see them.
func (g *generationConfig) think(req *provider.ChatRequest) error {
	if req.ReasoningEffort == "" {
		return nil
	}
	effort, ok := efforts[req.ReasoningEffort]
	if !ok {
		return invalid("reasoning_effort", "gemini has no reasoning_effort %q; use none, minimal, low, medium or high", req.ReasoningEffort)
	}
	if takesBudget(req.Model) {
		g.ThinkingConfig = &thinkingConfig{ThinkingBudget: &effort.budget, IncludeThoughts: effort.budget > 0}
		return nil
	}
	if effort.level == "" {
		return invalid("reasoning_effort", "%s cannot be told not to think; use minimal", req.Model)
	}
	g.ThinkingConfig = &thinkingConfig{ThinkingLevel: effort.level, IncludeThoughts: true}
	return nil
}

// takesBudget reports whether a model takes a number of tokens, as those before
// version 3 do. Names without a version stand for the newest.
func takesBudget(model string) bool {
	_, after, ok := strings.Cut(model, "gemini-")
	if !ok {
		return false
	}
	digits, _, _ := strings.Cut(after, ".")
	major, err := strconv.Atoi(digits)
	return err == nil && major < 3
}

// order lists the properties in the order in which the schema names them, here
// and below: the service would write them in the order of the alphabet.
func (s *apiSchema) order(raw json.RawMessage) {
	var in jsonSchema
	if json.Unmarshal(raw, &in) != nil {
		return // it was read before
	}
	if len(s.Properties) > 1 {
		var members struct {
			Properties orderedNames `json:"properties"`
		}
		if json.Unmarshal(raw, &members) == nil {
			s.PropertyOrdering = members.Properties
		}
	}
	for name, inner := range s.Properties {
		inner.order(in.Properties[name])
	}
	if s.Items != nil {
		s.Items.order(in.Items)
	}
	for i, inner := range s.AnyOf {
		inner.order(in.AnyOf[i])
	}
}

// orderedNames are the names of an object's members as they stand.
type orderedNames []string

// UnmarshalJSON implements [json.Unmarshaler].
func (n *orderedNames) UnmarshalJSON(data []byte) error {
	dec := json.NewDecoder(strings.NewReader(string(data)))
	if _, err := dec.Token(); err != nil {
		return err
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return err
		}
		text, _ := name.(string) // names of members are strings
		if !slices.Contains(*n, text) {
			*n = append(*n, text)
		}
		var skipped json.RawMessage
		if err := dec.Decode(&skipped); err != nil {
			return err
		}
	}
	return nil
}
