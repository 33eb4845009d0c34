package main

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strconv"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// request is the body of /api/chat. It is a map, since fields that are not known
// here go to Ollama as they are.
type request map[string]any

// optionNames are fields that callers may write beside OpenAI's and that have
// their place among Ollama's options.
var optionNames = []string{
	"top_k", "min_p", "typical_p", "num_ctx", "num_keep", "num_predict", "num_batch", "num_gpu", "num_thread", "main_gpu", "use_mmap",
	"repeat_last_n", "repeat_penalty", "penalize_newline", "mirostat", "mirostat_tau", "mirostat_eta",
}

// dropped are fields of OpenAI's without an effect on the answer.
var dropped = []string{
	"metadata", "store", "service_tier", "prompt_cache_key", "prompt_cache_retention", "safety_identifier",
}

// refused are fields of OpenAI's that Ollama cannot honour, with the values that
// ask for nothing.
var refused = map[string][]string{
	"logit_bias": {"{}"}, "audio": nil, "modalities": {`["text"]`, "[]"}, "prediction": nil, "functions": {"[]"}, "function_call": nil,
	"web_search_options": nil, "verbosity": nil,
}

// chatRequest makes the body of /api/chat.
func (e *endpoint) chatRequest(req *provider.ChatRequest, stream bool) (request, error) {
	if req.Model == "" {
		return nil, invalid("model", "no model is named; set model in the endpoint or in the request")
	}
	if err := checkRefused(req); err != nil {
		return nil, err
	}
	messages, err := nativeMessages(req.Messages)
	if err != nil {
		return nil, err
	}
	body := request{"model": req.Model, "messages": messages, "stream": stream}
	if err := addTools(body, req); err != nil {
		return nil, err
	}
	if err := addFormat(body, req.ResponseFormat); err != nil {
		return nil, err
	}
	addThink(body, req.ReasoningEffort)
	options, err := e.options(req)
	if err != nil {
		return nil, err
	}
	if len(options) > 0 {
		body["options"] = options
	}
	e.addRest(body, req.Extra)
	return body, nil
}

func checkRefused(req *provider.ChatRequest) error {
	if req.N != nil && *req.N != 1 {
		return invalid("n", "field \"n\" must be 1: Ollama gives one choice; make several requests")
	}
	if req.ParallelToolCalls != nil && !*req.ParallelToolCalls && len(req.Tools) > 0 {
		return invalid("parallel_tool_calls", "field \"parallel_tool_calls\" must be true: Ollama does not limit the number of calls")
	}
	for _, name := range slices.Sorted(maps.Keys(refused)) {
		value := compact(req.Extra[name])
		if value == "" || value == "null" || slices.Contains(refused[name], value) {
			continue
		}
		return invalid(name, "field %q is not offered by Ollama; leave it out", name)
	}
	return nil
}

// compact returns a JSON value without white space, "" for none.
func compact(raw json.RawMessage) string {
	var b bytes.Buffer
	if json.Compact(&b, raw) != nil {
		return ""
	}
	return b.String()
}

// options are Ollama's options for OpenAI's parameters. The field options of a
// request, which is Ollama's own, stands above them.
func (e *endpoint) options(req *provider.ChatRequest) (map[string]any, error) {
	options := map[string]any{}
	if e.defaults.NumCtx > 0 {
		options["num_ctx"] = e.defaults.NumCtx
	}
	set(options, "num_predict", req.MaxTokens)
	set(options, "num_predict", req.MaxCompletionTokens)
	set(options, "temperature", req.Temperature)
	set(options, "top_p", req.TopP)
	set(options, "seed", req.Seed)
	set(options, "presence_penalty", req.PresencePenalty)
	set(options, "frequency_penalty", req.FrequencyPenalty)
	if len(req.Stop) > 0 {
		options["stop"] = req.Stop
	}
	for _, name := range optionNames {
		if raw, ok := req.Extra[name]; ok {
			options[name] = raw
		}
	}
	if raw, ok := req.Extra["options"]; ok {
		var own map[string]json.RawMessage
		if err := json.Unmarshal(raw, &own); err != nil {
			return nil, invalid("options", "field \"options\" must be an object with Ollama's options")
		}
		for name, value := range own {
			options[name] = value
		}
	}
	return options, nil
}

func set[T any](options map[string]any, name string, value *T) {
	if value != nil {
		options[name] = *value
	}
}

// addRest adds all other fields, such as keep_alive, think and what a newer
// Ollama knows.
func (e *endpoint) addRest(body request, extra provider.Extra) {
	if keep := e.defaults.KeepAlive; keep != "" {
		body["keep_alive"] = keep
		if seconds, err := strconv.Atoi(keep); err == nil {
			body["keep_alive"] = seconds // as text Ollama takes durations alone
		}
	}
	for name, raw := range extra {
		_, isRefused := refused[name]
		if name == "options" || isRefused || slices.Contains(optionNames, name) || slices.Contains(dropped, name) {
			continue
		}
		body[name] = raw
	}
}
