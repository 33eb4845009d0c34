package main

import (
	"regexp"
	"strings"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// classes are what Anthropic's error types mean, whatever the status.
var classes = map[string]provider.Code{
	"authentication_error":      provider.CodeAuth,
	"billing_error":             provider.CodeQuota,
	"permission_error":          provider.CodePermission,
	"not_found_error":           provider.CodeNotFound,
	"request_too_large":         provider.CodeTooLarge,
	"rate_limit_error":          provider.CodeRateLimit,
	"timeout_error":             provider.CodeTimeout,
	"api_error":                 provider.CodeUpstream,
	"overloaded_error":          provider.CodeOverloaded,
	"exceed_context_size_error": provider.CodeTooLarge, // llama.cpp
}

const (
	invalidRequest   = "invalid_request_error"
	statusOverloaded = 529 // Anthropic's own
)

// reasons are texts of an invalid_request_error that mean another class: the
// API has no type for them.
var reasons = []struct {
	text string
	code provider.Code
}{
	{"credit balance is too low", provider.CodeQuota},
	{"api usage limits", provider.CodeQuota},
	{"prompt is too long", provider.CodeTooLarge},
	{"exceed context limit", provider.CodeTooLarge},
	{"content filtering policy", provider.CodeContentFilter},
	{"organization has been disabled", provider.CodePermission},
}

// fieldName is the field at fault, as the API puts it before the colon.
var fieldName = regexp.MustCompile(`^([a-z][a-z0-9_]*(?:\.[a-z0-9_]+)*): `)

// classify improves the class that the status gave.
func classify(e *provider.Error) {
	code, known := classes[e.Type]
	switch {
	case known:
		e.Code = code
	case e.StatusCode == statusOverloaded:
		e.Code = provider.CodeOverloaded
	case e.Type == invalidRequest && e.StatusCode == 0: // in a stream
		e.Code = provider.CodeInvalidRequest
	}
	if e.Type != invalidRequest || e.Code != provider.CodeInvalidRequest && e.Code != provider.CodePermission {
		return
	}
	text := strings.ToLower(e.Message)
	for _, reason := range reasons {
		if strings.Contains(text, reason.text) {
			e.Code = reason.code
			return
		}
	}
	if m := fieldName.FindStringSubmatch(e.Message); m != nil && e.Param == "" {
		e.Param = m[1]
	}
}
