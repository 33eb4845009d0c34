package openaicompat

import (
	"strconv"

	"github.com/backplane-dev/backplane/sdk/openaicompat/internal/jsonscan"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// readUsage reads a usage object under the names of chat (prompt_tokens) or of
// responses (input_tokens). ok is false if raw is none. Numbers that cannot be
// read count as zero; a missing total is the sum of the parts.
func readUsage(raw []byte) (u provider.Usage, ok bool) {
	if len(raw) == 0 || raw[0] != '{' {
		return u, false
	}
	o := jsonscan.NewObject(raw)
	for o.Next() {
		switch string(o.Key()) {
		case "prompt_tokens", "input_tokens":
			u.Input = number(o.Value())
		case "completion_tokens", "output_tokens":
			u.Output = number(o.Value())
		case "total_tokens":
			u.Total = number(o.Value())
		case "prompt_tokens_details", "input_tokens_details":
			u.Cached = detail(o.Value(), "cached_tokens")
		case "completion_tokens_details", "output_tokens_details":
			u.Reasoning = detail(o.Value(), "reasoning_tokens")
		}
	}
	if u.Total == 0 {
		u.Total = u.Input + u.Output
	}
	return u, true
}

// detail returns a number of a nested object, 0 if it is not there.
func detail(raw []byte, name string) int64 {
	if len(raw) == 0 || raw[0] != '{' {
		return 0
	}
	o := jsonscan.NewObject(raw)
	for o.Next() {
		if o.Is(name) {
			return number(o.Value())
		}
	}
	return 0
}

// number reads a count; some services write 12.0.
func number(raw []byte) int64 {
	if n, err := strconv.ParseInt(string(raw), 10, 64); err == nil {
		return max(n, 0)
	}
	f, err := strconv.ParseFloat(string(raw), 64)
	if err != nil || !(f > 0) || f > 1<<53 {
		return 0
	}
	return int64(f)
}
