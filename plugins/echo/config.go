package main

import (
	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/schema"
)

// config holds an endpoint's settings. Its json tags are the names that the
// schema below declares; defaults come from the schema as well.
type config struct {
	WordsPerSecond float64              `json:"words_per_second"`
	Latency        schema.DurationValue `json:"latency"`
	ErrorRate      float64              `json:"error_rate"`
	RateLimitRate  float64              `json:"rate_limit_rate"`
	RetryAfter     schema.DurationValue `json:"retry_after"`
	FailAfterWords *int                 `json:"fail_after_words"`
	CrashOn        string               `json:"crash_on"`
	FloodOn        string               `json:"flood_on"`
	Seed           *uint64              `json:"seed"`
	Dimensions     int                  `json:"dimensions"`
	Models         []string             `json:"models"`
}

// settings declares what an operator may write into an endpoint's settings
// block. The host checks it, reports mistakes at their line and prints the
// descriptions; the code sees only what passed.
var settings = schema.Object{Attributes: []schema.Attribute{
	{
		Name: "words_per_second", Type: schema.Number, Default: 0, Min: schema.Bound(0),
		Description: "Speed of the answer; 0 sends all words at once.",
	},
	{
		Name: "latency", Type: schema.Duration, Default: "0s",
		Description: "Time before the first word, or before the injected failure.",
	},
	{
		Name: "error_rate", Type: schema.Number, Default: 0, Min: schema.Bound(0), Max: schema.Bound(1),
		Description: "Share of requests that fail with an upstream error (HTTP 500).",
	},
	{
		Name: "rate_limit_rate", Type: schema.Number, Default: 0, Min: schema.Bound(0), Max: schema.Bound(1),
		Description: "Share of requests that are refused with a rate limit (HTTP 429).",
	},
	{
		Name: "retry_after", Type: schema.Duration, Default: "1s",
		Description: "Time that a refused request is told to wait.",
	},
	{
		Name: "fail_after_words", Type: schema.Int, Min: schema.Bound(0),
		Description: "Streams fail once they have sent this many words; absent, they do not fail.",
	},
	{
		Name: "crash_on", Type: schema.String,
		Description: "A prompt that contains this text ends the plugin's process; absent, none does.",
	},
	{
		Name: "flood_on", Type: schema.String,
		Description: "A prompt that contains this text fills the log with 20000 lines; absent, none does.",
	},
	{
		Name: "seed", Type: schema.Int, Min: schema.Bound(0),
		Description: "Makes the choice of failing requests repeatable; absent, it is random.",
	},
	{
		Name: "dimensions", Type: schema.Int, Default: 64, Min: schema.Bound(1), Max: schema.Bound(maxDimensions),
		Description: "Length of an embedding if the request does not say.",
	},
	{
		Name: "models", Type: schema.StringList, Default: []string{defaultModel}, Min: schema.Bound(1),
		Description: "Names that the models operation lists.",
	},
}}

// newConfig decodes settings that already fit the schema.
func newConfig(s provider.Settings) (config, error) {
	var cfg config
	err := s.Decode(&cfg)
	return cfg, err
}
