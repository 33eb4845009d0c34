package main

import "encoding/json"

// logprobsResult holds the probabilities of the tokens that were chosen, and of
// those that could have been, one entry for each token.
type logprobsResult struct {
	Chosen []tokenLogprob `json:"chosenCandidates"`
	Top    []struct {
		Candidates []tokenLogprob `json:"candidates"`
	} `json:"topCandidates"`
}

type tokenLogprob struct {
	Token   string  `json:"token"`
	Logprob float64 `json:"logProbability"`
}

// canonicalLogprob is OpenAI's entry for a token.
type canonicalLogprob struct {
	Token   string              `json:"token"`
	Logprob float64             `json:"logprob"`
	Bytes   []int               `json:"bytes"`
	Top     *[]canonicalLogprob `json:"top_logprobs,omitempty"`
}

// canonical translates; nil and no tokens give nil.
func (r *logprobsResult) canonical() json.RawMessage {
	if r == nil || len(r.Chosen) == 0 {
		return nil
	}
	tokens := make([]canonicalLogprob, len(r.Chosen))
	for i, chosen := range r.Chosen {
		tokens[i] = chosen.canonical()
		top := []canonicalLogprob{}
		if i < len(r.Top) {
			for _, t := range r.Top[i].Candidates {
				top = append(top, t.canonical())
			}
		}
		tokens[i].Top = &top
	}
	data, err := json.Marshal(map[string]any{"content": tokens, "refusal": nil})
	if err != nil {
		return nil // numbers that came as JSON always encode
	}
	return data
}

func (t tokenLogprob) canonical() canonicalLogprob {
	c := canonicalLogprob{Token: t.Token, Logprob: t.Logprob, Bytes: make([]int, len(t.Token))}
	for i := range len(t.Token) {
		c.Bytes[i] = int(t.Token[i])
	}
	return c
}
