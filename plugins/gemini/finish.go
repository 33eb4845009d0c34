package main

import (
	"strings"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// finishReasons are the canonical words for the service's. Reasons that are not
// here are the model's own failures, see [failures].
var finishReasons = map[string]string{
	"STOP":       "stop",
	"MAX_TOKENS": "length",

	"SAFETY":                   "content_filter",
	"RECITATION":               "content_filter",
	"LANGUAGE":                 "content_filter",
	"BLOCKLIST":                "content_filter",
	"PROHIBITED_CONTENT":       "content_filter",
	"SPII":                     "content_filter",
	"IMAGE_SAFETY":             "content_filter",
	"IMAGE_PROHIBITED_CONTENT": "content_filter",
	"IMAGE_RECITATION":         "content_filter",
	"ESCALATION":               "content_filter",
}

// failures are the reasons with which an answer is no answer, with their class:
// what the model may do better the next time, and what it will not.
var failures = map[string]provider.Code{
	"MALFORMED_FUNCTION_CALL":   provider.CodeProtocol,
	"MALFORMED_RESPONSE":        provider.CodeProtocol,
	"UNEXPECTED_TOOL_CALL":      provider.CodeProtocol,
	"OTHER":                     provider.CodeUpstream,
	"IMAGE_OTHER":               provider.CodeUpstream,
	"NO_IMAGE":                  provider.CodeUpstream,
	"TOO_MANY_TOOL_CALLS":       provider.CodeUpstream,
	"MISSING_THOUGHT_SIGNATURE": provider.CodeInvalidRequest,
}

// finish returns the canonical finish reason, "" if the candidate has not ended.
func (c *candidate) finish(calls bool) (string, error) {
	if code, failed := failures[c.FinishReason]; failed {
		e := &provider.Error{
			Code: code, Type: c.FinishReason, Source: provider.SourceUpstream,
			Message: "the model gave no whole answer: " + c.FinishReason,
		}
		if c.FinishMessage != "" {
			e.Message += ": " + c.FinishMessage
		}
		return "", e
	}
	reason, known := finishReasons[c.FinishReason]
	switch {
	case c.FinishReason == "" || c.FinishReason == "FINISH_REASON_UNSPECIFIED":
		return "", nil
	case calls && (!known || reason == "stop"):
		return "tool_calls", nil
	case !known:
		return "stop", nil // the word itself is in the choice
	default:
		return reason, nil
	}
}

// safetyRating is the service's judgement of a content.
type safetyRating struct {
	Category    string `json:"category"`
	Probability string `json:"probability"`
	Blocked     bool   `json:"blocked"`
}

// promptFeedback tells of the service's judgement of the prompt.
type promptFeedback struct {
	BlockReason        string         `json:"blockReason"`
	BlockReasonMessage string         `json:"blockReasonMessage"`
	SafetyRatings      []safetyRating `json:"safetyRatings"`
}

// blocked returns the error for a prompt that the service refused to answer, nil
// if it did not.
func (f promptFeedback) blocked() *provider.Error {
	if f.BlockReason == "" || f.BlockReason == "BLOCK_REASON_UNSPECIFIED" {
		return nil
	}
	var why []string
	for _, r := range f.SafetyRatings {
		if r.Blocked || r.Probability == "HIGH" || r.Probability == "MEDIUM" {
			why = append(why, strings.ToLower(strings.TrimPrefix(r.Category, "HARM_CATEGORY_")+" "+r.Probability))
		}
	}
	e := &provider.Error{
		Code: provider.CodeContentFilter, StatusCode: 200, Type: "PROMPT_BLOCKED", UpstreamCode: f.BlockReason,
		Source: provider.SourceUpstream, Message: "gemini refused the prompt: " + f.BlockReason,
	}
	if f.BlockReasonMessage != "" {
		e.Message += ": " + f.BlockReasonMessage
	}
	if len(why) > 0 {
		e.Message += " (" + strings.Join(why, ", ") + ")"
	}
	return e
}
