package main

import "github.com/backplane-dev/backplane/sdk/provider"

// usageMetadata counts tokens in the service's way.
type usageMetadata struct {
	Prompt    int64  `json:"promptTokenCount"`
	ToolUse   int64  `json:"toolUsePromptTokenCount"`
	Cached    int64  `json:"cachedContentTokenCount"`
	Candidate *int64 `json:"candidatesTokenCount"`
	Response  int64  `json:"responseTokenCount"`
	Thoughts  int64  `json:"thoughtsTokenCount"`
	Total     int64  `json:"totalTokenCount"`
}

// tokens translates the counts; nil gives nil. The service counts thoughts, and
// what its own tools read, apart from the answer and the prompt; the host counts
// them as parts of these, as they are paid for.
func (u *usageMetadata) tokens() *provider.Usage {
	if u == nil {
		return nil
	}
	answer := u.Response
	if u.Candidate != nil {
		answer = *u.Candidate
	}
	t := &provider.Usage{
		Input: u.Prompt + u.ToolUse, Output: answer + u.Thoughts, Total: u.Total, Cached: u.Cached, Reasoning: u.Thoughts,
	}
	if t.Total == 0 {
		t.Total = t.Input + t.Output
	}
	return t
}
