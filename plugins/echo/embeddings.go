package main

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"strings"

	"github.com/backplane-dev/backplane/sdk/provider"
)

const maxDimensions = 4096

// Embed implements [provider.Embedder].
func (e *endpoint) Embed(ctx context.Context, req *provider.EmbeddingRequest) (*provider.EmbeddingResponse, error) {
	dimensions := e.Dimensions
	if req.Dimensions != nil {
		dimensions = *req.Dimensions
	}
	texts := inputTexts(req.Input)
	switch {
	case len(texts) == 0:
		return nil, invalid("input", "input is empty: give a text or a list of texts")
	case dimensions < 1 || dimensions > maxDimensions:
		return nil, invalid("dimensions", "dimensions is %d: it must be between 1 and %d", dimensions, maxDimensions)
	case req.EncodingFormat != "" && req.EncodingFormat != "float" && req.EncodingFormat != "base64":
		return nil, invalid("encoding_format", "encoding_format is %q: it must be \"float\" or \"base64\"", req.EncodingFormat)
	}
	if err := e.faults.before(ctx, strings.Join(texts, "\n")); err != nil {
		return nil, err
	}

	resp := &provider.EmbeddingResponse{Model: req.Model, Usage: &provider.EmbedUsage{}}
	for i, text := range texts {
		// The SDK writes the vector as numbers or as base64, as the caller asked.
		vector := provider.Vector{Values: embed(text, dimensions)}
		resp.Data = append(resp.Data, provider.Embedding{Index: i, Vector: vector})
		resp.Usage.PromptTokens += countWords(text)
	}
	resp.Usage.TotalTokens = resp.Usage.PromptTokens
	return resp, nil
}

// inputTexts returns the inputs as texts; token numbers become words.
func inputTexts(in provider.EmbeddingInput) []string {
	if in.Tokens == nil {
		return in.Texts
	}
	texts := make([]string, len(in.Tokens))
	for i, tokens := range in.Tokens {
		texts[i] = strings.Trim(fmt.Sprint(tokens), "[]")
	}
	return texts
}

// embed makes a vector of length one out of the SHA-256 of the text: equal texts
// have equal vectors, and nothing else can be said of them.
func embed(text string, dimensions int) []float32 {
	var (
		values = make([]float32, dimensions)
		block  [sha256.Size]byte
		sum    float64
	)
	for i := range values {
		if i%8 == 0 { // a block yields eight numbers
			block = sha256.Sum256(fmt.Appendf(nil, "%d:%s", i/8, text))
		}
		bits := int32(binary.LittleEndian.Uint32(block[i%8*4:]))
		values[i] = (float32(bits) + 0.5) / math.MaxInt32
		sum += float64(values[i]) * float64(values[i])
	}
	for i := range values {
		values[i] = float32(float64(values[i]) / math.Sqrt(sum))
	}
	return values
}
