package openaicompat

import (
	"strings"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// words are codes and types of errors that say more than the status. OpenAI and
// its relatives share them.
var words = map[string]provider.Code{
	"insufficient_quota":         provider.CodeQuota,
	"billing_hard_limit_reached": provider.CodeQuota,
	"billing_not_active":         provider.CodeQuota,
	"insufficient_balance":       provider.CodeQuota,

	"context_length_exceeded":   provider.CodeTooLarge,
	"exceed_context_size_error": provider.CodeTooLarge, // llama.cpp

	"content_filter":               provider.CodeContentFilter,
	"content_policy_violation":     provider.CodeContentFilter,
	"moderation_blocked":           provider.CodeContentFilter,
	"responsibleaipolicyviolation": provider.CodeContentFilter, // Azure

	"invalid_api_key":     provider.CodeAuth,
	"model_not_found":     provider.CodeNotFound,
	"not_supported_error": provider.CodeUnsupported, // llama.cpp
}

// looseWords give the class only where there is no status, as in a stream: with
// one they are too coarse (invalid_request_error goes with 401, 404 and 413 too).
var looseWords = map[string]provider.Code{
	"rate_limit_exceeded":   provider.CodeRateLimit,
	"rate_limit_error":      provider.CodeRateLimit,
	"invalid_request_error": provider.CodeInvalidRequest,
	"invalid_prompt":        provider.CodeInvalidRequest,
	"authentication_error":  provider.CodeAuth,
	"permission_error":      provider.CodePermission,
	"not_found_error":       provider.CodeNotFound,
	"timeout":               provider.CodeTimeout,
	"timeout_error":         provider.CodeTimeout,
}

// classify improves the class that the status gave.
func (d *Dialect) classify(e *provider.Error) {
	given := []string{strings.ToLower(e.UpstreamCode), strings.ToLower(e.Type)}
	switch {
	case lookUp(e, given, d.Codes), lookUp(e, given, words):
	case e.StatusCode == 0 && e.Code == provider.CodeUpstream:
		lookUp(e, given, looseWords)
	}
	if d.Classify != nil {
		d.Classify(e)
	}
}

// lookUp sets the class of the first word that has one.
func lookUp(e *provider.Error, given []string, codes map[string]provider.Code) bool {
	for _, word := range given {
		if code, ok := codes[word]; ok {
			e.Code = code
			return true
		}
	}
	return false
}

// truncated is the error of a stream that ended without an end.
func truncated(what string) *provider.Error {
	return &provider.Error{
		Code:    provider.CodeProtocol,
		Message: "the stream was cut off: " + what,
		Source:  provider.SourceUpstream,
	}
}
