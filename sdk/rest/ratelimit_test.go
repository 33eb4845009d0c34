package rest

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
)

func TestRateLimitHeadersAreReadInBothForms(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	tests := map[string]struct {
		header map[string]string
		want   []provider.RateLimit
	}{
		"none": {},
		"OpenAI and Groq": {
			header: map[string]string{
				"x-ratelimit-limit-requests": "5000", "x-ratelimit-remaining-requests": "4999", "x-ratelimit-reset-requests": "12ms",
				"x-ratelimit-limit-tokens": "160000", "x-ratelimit-remaining-tokens": "159976", "x-ratelimit-reset-tokens": "6m0s",
			},
			want: []provider.RateLimit{
				{Meter: "requests", Limit: 5000, Remaining: 4999, Reset: 12 * time.Millisecond},
				{Meter: "tokens", Limit: 160000, Remaining: 159976, Reset: 6 * time.Minute},
			},
		},
		"Anthropic": {
			header: map[string]string{
				"anthropic-ratelimit-requests-limit": "50", "anthropic-ratelimit-requests-remaining": "49",
				"anthropic-ratelimit-requests-reset":     "2026-03-01T12:00:30Z",
				"anthropic-ratelimit-input-tokens-limit": "1000", "anthropic-ratelimit-input-tokens-remaining": "0",
				"anthropic-ratelimit-input-tokens-reset":  "2026-03-01T11:00:00Z",
				"anthropic-ratelimit-output-tokens-limit": "100", "anthropic-ratelimit-output-tokens-remaining": "7",
			},
			want: []provider.RateLimit{
				{Meter: "requests", Limit: 50, Remaining: 49, Reset: 30 * time.Second},
				{Meter: "input_tokens", Limit: 1000},
				{Meter: "output_tokens", Limit: 100, Remaining: 7},
			},
		},
		"a gateway's way to say none": {header: map[string]string{
			"x-ratelimit-limit-requests": "-1", "x-ratelimit-remaining-requests": "-1", "x-ratelimit-reset-requests": "0",
			"x-ratelimit-limit-tokens": "0", "x-ratelimit-remaining-tokens": "0",
		}},
		"no remaining amount": {header: map[string]string{"x-ratelimit-limit-requests": "5"}},
		"not numbers":         {header: map[string]string{"x-ratelimit-limit-requests": "many", "x-ratelimit-remaining-requests": "some"}},
		"reset in seconds and overdrawn": {
			header: map[string]string{"x-ratelimit-limit-tokens": "5", "x-ratelimit-remaining-tokens": "-3", "x-ratelimit-reset-tokens": "1.5"},
			want:   []provider.RateLimit{{Meter: "tokens", Limit: 5, Reset: 1500 * time.Millisecond}},
		},
		"reset that makes no sense": {
			header: map[string]string{"x-ratelimit-limit-tokens": "5", "x-ratelimit-remaining-tokens": "3", "x-ratelimit-reset-tokens": "-4s"},
			want:   []provider.RateLimit{{Meter: "tokens", Limit: 5, Remaining: 3}},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := http.Header{}
			for k, v := range tt.header {
				h.Set(k, v)
			}
			if got := RateLimits(h, now); !slices.Equal(got, tt.want) {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}
