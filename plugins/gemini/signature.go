package main

import (
	"encoding/json"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// Fields of messages that the canonical form does not have. A client that sends
// the model's messages back as it got them sends them as well.
const (
	// signatureField holds {"google":{"thought_signature":"..."}}, the form in
	// which Google's own service in OpenAI's dialect has it.
	signatureField = "extra_content"
	// partsField holds the parts of an answer that have no canonical form, as the
	// service sent them: images that it made, code that it ran.
	partsField = "gemini_parts"
)

type extraContent struct {
	Google struct {
		ThoughtSignature string `json:"thought_signature"`
	} `json:"google"`
}

// signatureOf returns the signature in a message or a call, "" if there is none.
func signatureOf(extra provider.Extra) string {
	raw := extra[signatureField]
	if raw == nil {
		return ""
	}
	var c extraContent
	if json.Unmarshal(raw, &c) != nil {
		return "" // another provider's field of the same name
	}
	return c.Google.ThoughtSignature
}

// withSignature adds a signature to the fields of a message or a call.
func withSignature(extra provider.Extra, signature string) provider.Extra {
	if signature == "" {
		return extra
	}
	var c extraContent
	c.Google.ThoughtSignature = signature
	return withField(extra, signatureField, c)
}

// withField adds a field.
func withField(extra provider.Extra, name string, value any) provider.Extra {
	data, err := json.Marshal(value)
	if err != nil {
		return extra // only values that came as JSON are added
	}
	if extra == nil {
		extra = provider.Extra{}
	}
	extra[name] = data
	return extra
}
