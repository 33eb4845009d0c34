package openaicompat

import (
	"encoding/json"

	"github.com/backplane-dev/backplane/sdk/openaicompat/internal/jsonscan"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// plainVectors takes encoding_format out of a request for embeddings, for
// services that do not know it, and returns where it says whether base64 was
// asked for once the edit was applied.
func (ed *edit) plainVectors() *bool {
	asked := new(bool)
	ed.add(jsonscan.Change{Key: "encoding_format", Remove: true, Make: func(old []byte) []byte {
		*asked = string(old) == `"base64"`
		return old
	}})
	return asked
}

// toBase64 writes the vectors of an embeddings answer as base64.
func toBase64(body []byte) ([]byte, error) {
	var answer provider.EmbeddingResponse
	if err := json.Unmarshal(body, &answer); err != nil {
		e := provider.Errorf(provider.CodeProtocol, "the service's embeddings cannot be read: %w", err)
		e.Source = provider.SourceUpstream
		return nil, e
	}
	for i := range answer.Data {
		answer.Data[i].Vector.Base64 = true
	}
	return json.Marshal(answer)
}
