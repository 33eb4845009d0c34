package main

import "github.com/backplane-dev/backplane/sdk/provider"

// usage are Anthropic's counts. What went through the cache is not in
// input_tokens. A count that is not there was not changed.
type usage struct {
	Input       *int64 `json:"input_tokens"`
	CacheRead   *int64 `json:"cache_read_input_tokens"`
	CacheWrite  *int64 `json:"cache_creation_input_tokens"`
	Output      *int64 `json:"output_tokens"`
	ServiceTier string `json:"service_tier"`
}

// update takes what a later event reports. The counts are running totals, so
// that a newer one replaces the older.
func (u *usage) update(later *usage) {
	for _, c := range []struct{ to, from **int64 }{
		{&u.Input, &later.Input}, {&u.CacheRead, &later.CacheRead}, {&u.CacheWrite, &later.CacheWrite}, {&u.Output, &later.Output},
	} {
		if *c.from != nil {
			*c.to = *c.from
		}
	}
	if later.ServiceTier != "" {
		u.ServiceTier = later.ServiceTier
	}
}

// tokens converts to the host's counts, in which the cache is a part of the
// input. nil gives nil.
func (u *usage) tokens() *provider.Usage {
	if u == nil {
		return nil
	}
	t := &provider.Usage{Cached: count(u.CacheRead), CacheWrite: count(u.CacheWrite), Output: count(u.Output)}
	t.Input = count(u.Input) + t.Cached + t.CacheWrite
	t.Total = t.Input + t.Output
	return t
}

func count(n *int64) int64 {
	if n == nil {
		return 0
	}
	return max(*n, 0)
}

// tier is OpenAI's word for the service tier, "" if there is none.
func (u *usage) tier() string {
	if u == nil {
		return ""
	}
	if u.ServiceTier == "standard" {
		return "default"
	}
	return u.ServiceTier
}

// finishReasons are OpenAI's words for Anthropic's. A turn that was paused is
// not at its end, which "length" says and "stop" would deny.
var finishReasons = map[string]string{
	"end_turn":                      "stop",
	"stop_sequence":                 "stop",
	"max_tokens":                    "length",
	"model_context_window_exceeded": "length",
	"pause_turn":                    "length",
	"tool_use":                      "tool_calls",
	"refusal":                       "content_filter",
}

// finishReason translates a stop_reason; one that came later than this plugin
// is a stop.
func finishReason(stopReason string) string {
	if word, ok := finishReasons[stopReason]; ok {
		return word
	}
	return "stop"
}
