package main

import "github.com/backplane-dev/backplane/sdk/provider"

// codes are words of Groq's errors that the common ones do not have.
var codes = map[string]provider.Code{
	"blocked_api_access":      provider.CodeQuota, // the spend limit that the organization set
	"capacity_exceeded":       provider.CodeOverloaded,
	"over_capacity":           provider.CodeOverloaded,
	"model_decommissioned":    provider.CodeNotFound,
	"organization_restricted": provider.CodePermission,
}

// Statuses that only Groq has.
const (
	statusNoFlexCapacity = 498
	statusCallerLeft     = 499
)

// classify looks at Groq's own statuses.
func classify(e *provider.Error) {
	switch e.StatusCode {
	case statusNoFlexCapacity:
		e.Code = provider.CodeOverloaded
	case statusCallerLeft:
		e.Code = provider.CodeCanceled
	}
}
