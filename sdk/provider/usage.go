package provider

// ChatUsage is OpenAI's usage object of completions and embeddings.
type ChatUsage struct {
	PromptTokens     int64              `json:"prompt_tokens"`
	CompletionTokens int64              `json:"completion_tokens"`
	TotalTokens      int64              `json:"total_tokens"`
	PromptDetails    *PromptDetails     `json:"prompt_tokens_details,omitempty"`
	OutputDetails    *CompletionDetails `json:"completion_tokens_details,omitempty"`
}

// PromptDetails are parts of the prompt tokens.
type PromptDetails struct {
	CachedTokens int64 `json:"cached_tokens"`
}

// CompletionDetails are parts of the completion tokens.
type CompletionDetails struct {
	ReasoningTokens int64 `json:"reasoning_tokens"`
}

// Tokens converts to the host's [Usage]; nil gives nil. A missing total is the
// sum of the parts.
func (u *ChatUsage) Tokens() *Usage {
	if u == nil {
		return nil
	}
	usage := &Usage{Input: u.PromptTokens, Output: u.CompletionTokens, Total: u.TotalTokens}
	if usage.Total == 0 {
		usage.Total = usage.Input + usage.Output
	}
	if u.PromptDetails != nil {
		usage.Cached = u.PromptDetails.CachedTokens
	}
	if u.OutputDetails != nil {
		usage.Reasoning = u.OutputDetails.ReasoningTokens
	}
	return usage
}

// ChatUsage converts to OpenAI's usage object; nil gives nil.
func (u *Usage) ChatUsage() *ChatUsage {
	if u == nil {
		return nil
	}
	c := &ChatUsage{PromptTokens: u.Input, CompletionTokens: u.Output, TotalTokens: u.Total}
	if u.Cached != 0 {
		c.PromptDetails = &PromptDetails{CachedTokens: u.Cached}
	}
	if u.Reasoning != 0 {
		c.OutputDetails = &CompletionDetails{ReasoningTokens: u.Reasoning}
	}
	return c
}
