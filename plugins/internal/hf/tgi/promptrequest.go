package tgi

import (
	"encoding/json"
	"maps"

	"github.com/backplane-dev/backplane/plugins/internal/hf"
	"github.com/backplane-dev/backplane/plugins/internal/hf/prompt"
	"github.com/backplane-dev/backplane/sdk/openaicompat"
	"github.com/backplane-dev/backplane/sdk/provider"
)

const notByPrompt = `cannot be given where the prompt is made here; set chat_template to "server"`

const notOffered = "is not offered by the server; leave it out"

// refuseByPrompt are fields of chat that generate has nothing for.
var refuseByPrompt = openaicompat.RefuseFields(
	openaicompat.Field{Name: "tools", Harmless: []string{"[]"}, Why: notByPrompt},
	openaicompat.Field{Name: "functions", Harmless: []string{"[]"}, Why: notByPrompt},
	openaicompat.Field{Name: "logprobs", Harmless: []string{"false"}, Why: notByPrompt},
	openaicompat.Field{Name: "n", Harmless: []string{"1"}, Why: "must be 1: the server gives one choice; make several requests"},
	openaicompat.Field{Name: "logit_bias", Harmless: []string{"{}"}, Why: notOffered},
	openaicompat.Field{Name: "presence_penalty", Harmless: []string{"0", "0.0"}, Why: "is not taken by generate; give repetition_penalty"},
	openaicompat.Field{Name: "modalities", Harmless: []string{`["text"]`, "[]"}, Why: "must be [\"text\"]: the server answers with text alone"},
	openaicompat.Field{Name: "reasoning_effort", Why: notOffered},
	openaicompat.Field{Name: "audio", Why: notOffered},
	openaicompat.Field{Name: "prediction", Why: notOffered},
	openaicompat.Field{Name: "verbosity", Why: notOffered},
	openaicompat.Field{Name: "web_search_options", Why: notOffered},
)

// notParameters are fields of chat that say nothing to generate.
var notParameters = []string{"logit_bias", "logprobs", "top_logprobs", "functions", "modalities", "metadata", "store", "service_tier"}

// written is a chat request as a body of generate.
type written struct {
	body  []byte
	stops []string
}

// write makes the prompt and the parameters of a chat request.
func (e *promptEndpoint) write(req *provider.ChatRequest) (*written, error) {
	if _, err := refuseByPrompt(req.Call.Body); err != nil {
		return nil, err
	}
	turns, err := turnsOf(req.Messages)
	if err != nil {
		return nil, err
	}
	template := prompt.Named(e.settings.ChatTemplate, req.Model)
	w := &written{stops: append(template.Stops(), req.Stop...)}
	p, err := promptParameters(req, w.stops)
	if err != nil {
		return nil, err
	}
	body := map[string]any{"inputs": template.Write(turns), "parameters": p}
	if req.Model != baseModel {
		body["model"] = req.Model
	}
	w.body, err = json.Marshal(body)
	return w, err
}

// promptParameters are those of generate; fields that the canonical request does
// not name, such as top_k, are taken for some of them.
func promptParameters(req *provider.ChatRequest, stops []string) (map[string]any, error) {
	p := map[string]any{}
	for name, raw := range maps.All(req.Extra) {
		p[name] = raw
	}
	for _, name := range notParameters {
		delete(p, name)
	}
	p["details"], p["return_full_text"] = true, false
	if len(stops) > 0 {
		p["stop"] = stops
	}
	for _, limit := range []*int{req.MaxTokens, req.MaxCompletionTokens} {
		if limit != nil {
			p["max_new_tokens"] = *limit
		}
	}
	if req.Temperature != nil {
		p["temperature"], p["do_sample"] = *req.Temperature, true
	}
	for name, value := range map[string]*float64{"top_p": req.TopP, "frequency_penalty": req.FrequencyPenalty} {
		if value != nil {
			p[name] = *value
		}
	}
	if req.Seed != nil {
		p["seed"] = *req.Seed
	}
	return p, grammar(req.ResponseFormat, p)
}

// grammar sets the schema that the answer must fit.
func grammar(format *provider.ResponseFormat, p map[string]any) error {
	if format == nil || format.Type == "text" {
		return nil
	}
	var given struct {
		Schema json.RawMessage `json:"schema"`
	}
	if format.Type != "json_schema" || json.Unmarshal(format.JSONSchema, &given) != nil || given.Schema == nil {
		return hf.Invalid("response_format", `field "response_format" must be text or a "json_schema" with its schema: the server needs to know the properties`)
	}
	p["grammar"] = map[string]any{"type": "json", "value": given.Schema}
	return nil
}

// turnsOf are the messages as text.
func turnsOf(messages []provider.Message) ([]prompt.Turn, error) {
	turns := make([]prompt.Turn, 0, len(messages))
	for i, m := range messages {
		role := m.Role
		if role == "developer" {
			role = "system"
		}
		if role != "system" && role != "user" && role != "assistant" || len(m.ToolCalls) > 0 {
			return nil, hf.Invalid("messages", "message %d, of role %q, "+notByPrompt, i, m.Role)
		}
		for _, part := range m.Content.Parts {
			if part.Type != "text" {
				return nil, hf.Invalid("messages", "a part of type %q in message %d "+notByPrompt, part.Type, i)
			}
		}
		turns = append(turns, prompt.Turn{Role: role, Text: m.Content.String()})
	}
	return turns, nil
}
