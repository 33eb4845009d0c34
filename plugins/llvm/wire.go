package main

import (
	"encoding/json"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// modelList is the answer of GET /models.
type modelList struct {
	Models []string `json:"models"`
}

// modelInfo is the answer of GET /models/{id}.
type modelInfo struct {
	ModelID string `json:"model_id"`
	Status  string `json:"status"`
}

// statuses are the states of a model.
var statuses = map[string]bool{"loaded": true, "loading": true, "failed": true}

// inference is the body of POST /models/{id}/inference.
type inference struct {
	Inputs      string                     `json:"inputs"`
	MaxTokens   *int                       `json:"max_tokens,omitempty"`
	Temperature *float64                   `json:"temperature,omitempty"`
	TopK        json.RawMessage            `json:"top_k,omitempty"`
	TopP        *float64                   `json:"top_p,omitempty"`
	Params      map[string]json.RawMessage `json:"params,omitempty"`
}

// outcome is the answer of POST /models/{id}/inference.
type outcome struct {
	ModelID  string          `json:"model_id"`
	Outputs  json.RawMessage `json:"outputs"`
	Metadata metadata        `json:"metadata"`
}

// there reports whether an answer has outputs, a text or an object.
func (o *outcome) there() bool {
	return len(o.Outputs) > 0 && (o.Outputs[0] == '"' || o.Outputs[0] == '{')
}

// metadata is what is looked at of the answer's metadata.
type metadata struct {
	FinishReason string `json:"finish_reason"`
	Usage        *struct {
		Input  int64 `json:"input_tokens"`
		Output int64 `json:"output_tokens"`
	} `json:"usage"`
}

// finishReasons are the protocol's words for an end and the canonical ones.
var finishReasons = map[string]string{
	"stop":           "stop",
	"length":         "length",
	"content_filter": "content_filter",
}

// finish is the canonical reason; a model that says none has come to its end.
func (m metadata) finish() string {
	if reason, ok := finishReasons[m.FinishReason]; ok {
		return reason
	}
	return "stop"
}

func (m metadata) tokens() *provider.Usage {
	if m.Usage == nil {
		return nil
	}
	return &provider.Usage{Input: m.Usage.Input, Output: m.Usage.Output, Total: m.Usage.Input + m.Usage.Output}
}
