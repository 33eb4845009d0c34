package rest

import (
	"net/http"
	"strconv"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// limitHeaders are the three headers that describe one limit, in canonical form.
type limitHeaders struct{ meter, limit, remaining, reset string }

var (
	openAILimits = []limitHeaders{
		{"requests", "X-Ratelimit-Limit-Requests", "X-Ratelimit-Remaining-Requests", "X-Ratelimit-Reset-Requests"},
		{"tokens", "X-Ratelimit-Limit-Tokens", "X-Ratelimit-Remaining-Tokens", "X-Ratelimit-Reset-Tokens"},
	}
	anthropicLimits = []limitHeaders{
		anthropicLimit("requests", "Requests"),
		anthropicLimit("tokens", "Tokens"),
		anthropicLimit("input_tokens", "Input-Tokens"),
		anthropicLimit("output_tokens", "Output-Tokens"),
	}
)

func anthropicLimit(meter, name string) limitHeaders {
	prefix := "Anthropic-Ratelimit-" + name
	return limitHeaders{meter, prefix + "-Limit", prefix + "-Remaining", prefix + "-Reset"}
}

// RateLimits reads the limits that a service announced with its answer, in the
// form of OpenAI and Groq (x-ratelimit-limit-requests, reset "6m0s") or of
// Anthropic (anthropic-ratelimit-requests-limit, reset as RFC 3339). Limits of
// zero or less are what some gateways send for "none" and are left out, as are
// limits without a remaining amount.
func RateLimits(h http.Header, now time.Time) []provider.RateLimit {
	var limits []provider.RateLimit
	for _, names := range openAILimits {
		limits = names.read(h, now, limits)
	}
	if len(limits) > 0 {
		return limits
	}
	for _, names := range anthropicLimits {
		limits = names.read(h, now, limits)
	}
	return limits
}

// read appends the limit if the header has it.
func (n limitHeaders) read(h http.Header, now time.Time, limits []provider.RateLimit) []provider.RateLimit {
	text := first(h, n.limit)
	if text == "" {
		return limits // most answers; parsing would make an error
	}
	limit, err := strconv.ParseInt(text, 10, 64)
	if err != nil || limit <= 0 {
		return limits
	}
	remaining, err := strconv.ParseInt(first(h, n.remaining), 10, 64)
	if err != nil {
		return limits
	}
	return append(limits, provider.RateLimit{
		Meter:     n.meter,
		Limit:     limit,
		Remaining: max(remaining, 0),
		Reset:     reset(first(h, n.reset), now),
	})
}

// reset reads a duration ("6m0s", "12ms"), a number of seconds or a time.
func reset(text string, now time.Time) time.Duration {
	if text == "" {
		return 0
	}
	if d, err := time.ParseDuration(text); err == nil {
		return min(max(d, 0), maxRetryAfter)
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return min(max(at.Sub(now), 0), maxRetryAfter)
	}
	return delay(text, time.Second)
}
