package api

import (
	"encoding/base64"
	"encoding/binary"
	"math"
	"slices"
	"strconv"

	"github.com/backplane-dev/backplane/host/internal/peek"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// wantsBase64 reports whether vectors must be written as base64.
func wantsBase64(operation string, facts *peek.Facts) bool {
	return operation == provider.OpEmbeddings && facts.EncodingFormat == "base64"
}

// encodeVectors rewrites the embeddings of an answer that are lists of numbers
// as base64 of little-endian float32 values, which is what OpenAI's
// encoding_format "base64" means. All other bytes stay as they are.
func encodeVectors(answer []byte) ([]byte, error) {
	vectors, err := peek.Vectors(answer)
	if err != nil {
		return nil, &provider.Error{Code: provider.CodeProtocol, Source: provider.SourcePlugin,
			Message: "the provider's embeddings are not valid JSON: " + err.Error()}
	}
	if len(vectors) == 0 {
		return answer, nil
	}
	out := make([]byte, 0, len(answer))
	var raw []byte
	end := 0
	for _, v := range vectors {
		out = append(out, answer[end:v.Start]...)
		raw = appendFloats(raw[:0], answer[v.Start:v.End])
		out = append(out, '"')
		out = slices.Grow(out, base64.StdEncoding.EncodedLen(len(raw)))
		out = base64.StdEncoding.AppendEncode(out, raw)
		out = append(out, '"')
		end = v.End
	}
	return append(out, answer[end:]...), nil
}

// appendFloats appends the numbers of a JSON array, which is known to hold
// nothing else, in binary. Numbers beyond float32 become infinite.
func appendFloats(raw, array []byte) []byte {
	for i := 0; i < len(array); {
		if !inNumber(array[i]) {
			i++
			continue
		}
		start := i
		for i < len(array) && inNumber(array[i]) {
			i++
		}
		value, _ := strconv.ParseFloat(string(array[start:i]), 32) // the one possible error is "out of range"
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(float32(value)))
	}
	return raw
}

func inNumber(c byte) bool {
	return '0' <= c && c <= '9' || c == '-' || c == '+' || c == '.' || c|0x20 == 'e'
}
