package main

import (
	"encoding/json"
	"fmt"
	"path"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// effort is what a reasoning_effort becomes: a budget of tokens for models that
// take one, a word for those that think as long as they see fit.
type effort struct {
	budget int
	word   string
}

var efforts = map[string]effort{
	"minimal": {1024, "low"},
	"low":     {2048, "low"},
	"medium":  {8192, "medium"},
	"high":    {16384, "high"},
	"xhigh":   {32768, "xhigh"},
	"max":     {32768, "max"},
}

// leastBudget is the smallest budget that the API takes.
const leastBudget = 1024

// budgetModels take a budget and refuse adaptive thinking; later ones take the
// adaptive kind, the newest refuse budgets.
var budgetModels = []string{"claude-3*", "claude-*-4", "claude-*-4-0*", "claude-*-4-1", "claude-*-4-1-*", "claude-*-4-2025*", "claude-*-4-5*"}

// adaptive reports how a model is asked to think. Of models that are not
// Anthropic's only the older way is known.
func (e *endpoint) adaptive(model string) bool {
	if e.own.Thinking != thinkAuto {
		return e.own.Thinking == thinkAdaptive
	}
	for _, pattern := range budgetModels {
		if ok, _ := path.Match(pattern, model); ok {
			return false
		}
	}
	ok, _ := path.Match("claude-*", model)
	return ok
}

// setThinking sets the longest answer and how much of it is thought.
func (e *endpoint) setThinking(req *provider.ChatRequest, b *body) error {
	given := req.MaxCompletionTokens
	if given == nil {
		given = req.MaxTokens
	}
	b.MaxTokens = e.own.MaxTokens
	if given != nil {
		b.MaxTokens = *given
	}
	if b.MaxTokens < 1 {
		return invalid("max_tokens", "max_tokens is %d; it must be at least 1", b.MaxTokens)
	}
	if raw := take(b.extra, "thinking"); !empty(raw) {
		b.Thinking = raw // the caller's own words
		return nil
	}
	if req.ReasoningEffort == "" || req.ReasoningEffort == "none" {
		return nil
	}
	want, known := efforts[req.ReasoningEffort]
	switch {
	case !known:
		return invalid("reasoning_effort", "the reasoning_effort %q is not known; use none, minimal, low, medium, high, xhigh or max", req.ReasoningEffort)
	case e.adaptive(req.Model):
		b.Thinking = json.RawMessage(`{"type":"adaptive"}`)
		return b.config("effort", want.word)
	case given == nil:
		b.MaxTokens = e.own.MaxTokens + want.budget
	default:
		// Something must be left for the answer: the limit counts both.
		want.budget = min(want.budget, b.MaxTokens*4/5)
	}
	if want.budget < leastBudget {
		return invalid("max_tokens", "max_tokens is %d, too little for thinking and an answer; "+
			"give at least %d, or reasoning_effort none", b.MaxTokens, leastBudget*5/4)
	}
	b.Thinking = fmt.Appendf(nil, `{"type":"enabled","budget_tokens":%d}`, want.budget)
	return nil
}
