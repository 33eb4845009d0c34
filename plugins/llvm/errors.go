package main

import "github.com/backplane-dev/backplane/sdk/provider"

// classes are what the protocol's types of errors mean, whatever the status.
// Errors without a type are classified by their status.
var classes = map[string]provider.Code{
	"invalid_request":    provider.CodeInvalidRequest,
	"unauthorized":       provider.CodeAuth,
	"forbidden":          provider.CodePermission,
	"model_not_found":    provider.CodeNotFound,
	"not_found":          provider.CodeUnsupported,
	"method_not_allowed": provider.CodeUnsupported,
	"model_failed":       provider.CodeConflict,
	"request_too_large":  provider.CodeTooLarge,
	"content_filtered":   provider.CodeContentFilter,
	"quota_exceeded":     provider.CodeQuota,
	"rate_limited":       provider.CodeRateLimit,
	"model_loading":      provider.CodeOverloaded,
	"overloaded":         provider.CodeOverloaded,
	"inference_failed":   provider.CodeUpstream,
}

// classify improves the class that the status gave.
func classify(e *provider.Error) {
	if code, ok := classes[e.Type]; ok {
		e.Code = code
	}
}
