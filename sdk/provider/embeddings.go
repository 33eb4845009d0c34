package provider

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
)

// EmbeddingRequest is the canonical body of "embeddings".
type EmbeddingRequest struct {
	Model          string         `json:"model,omitempty"`
	Input          EmbeddingInput `json:"input"`
	EncodingFormat string         `json:"encoding_format,omitempty"`
	Dimensions     *int           `json:"dimensions,omitempty"`
	User           string         `json:"user,omitempty"`
	Extra          Extra          `json:"-"`

	// Call is the request that carried the body.
	Call *Request `json:"-"`
}

// UnmarshalJSON keeps unknown fields in Extra.
func (r *EmbeddingRequest) UnmarshalJSON(data []byte) error {
	type plain EmbeddingRequest
	return decodeOpen(data, (*plain)(r), &r.Extra)
}

// MarshalJSON writes the fields and Extra.
func (r EmbeddingRequest) MarshalJSON() ([]byte, error) {
	type plain EmbeddingRequest
	return encodeOpen(plain(r), r.Extra)
}

// EmbeddingInput is one text, several texts, or token numbers instead of texts.
// Exactly one of the fields is set; Single tells how a lone text or token list
// was written.
type EmbeddingInput struct {
	Texts  []string
	Tokens [][]int64
	Single bool
}

// Len is the number of embeddings asked for.
func (in EmbeddingInput) Len() int { return max(len(in.Texts), len(in.Tokens)) }

// UnmarshalJSON takes the four forms of OpenAI's input.
func (in *EmbeddingInput) UnmarshalJSON(data []byte) error {
	*in = EmbeddingInput{}
	var text string
	if json.Unmarshal(data, &text) == nil && string(data) != "null" {
		in.Texts, in.Single = []string{text}, true
		return nil
	}
	if json.Unmarshal(data, &in.Texts) == nil && in.Texts != nil {
		return nil
	}
	in.Texts = nil
	var tokens []int64
	if json.Unmarshal(data, &tokens) == nil && tokens != nil {
		in.Tokens, in.Single = [][]int64{tokens}, true
		return nil
	}
	if json.Unmarshal(data, &in.Tokens) == nil && in.Tokens != nil {
		return nil
	}
	in.Tokens = nil
	return errors.New("must be a string, a list of strings, a list of token numbers or a list of such lists")
}

// MarshalJSON writes the form that was read.
func (in EmbeddingInput) MarshalJSON() ([]byte, error) {
	switch {
	case in.Single && len(in.Texts) == 1:
		return json.Marshal(in.Texts[0])
	case in.Single && len(in.Tokens) == 1:
		return json.Marshal(in.Tokens[0])
	case in.Tokens != nil:
		return json.Marshal(in.Tokens)
	default:
		return json.Marshal(in.Texts)
	}
}

// EmbeddingResponse is the canonical answer of "embeddings".
type EmbeddingResponse struct {
	Object string      `json:"object"`
	Model  string      `json:"model"`
	Data   []Embedding `json:"data"`
	Usage  *EmbedUsage `json:"usage,omitempty"`
	Extra  Extra       `json:"-"`

	// Meta is what the provider reports beside the body.
	Meta Meta `json:"-"`
}

// UnmarshalJSON keeps unknown fields in Extra.
func (r *EmbeddingResponse) UnmarshalJSON(data []byte) error {
	type plain EmbeddingResponse
	return decodeOpen(data, (*plain)(r), &r.Extra)
}

// MarshalJSON writes the fields and Extra.
func (r EmbeddingResponse) MarshalJSON() ([]byte, error) {
	if r.Object == "" {
		r.Object = "list"
	}
	if r.Data == nil {
		r.Data = []Embedding{}
	}
	type plain EmbeddingResponse
	return encodeOpen(plain(r), r.Extra)
}

// EmbedUsage is OpenAI's usage object of embeddings.
type EmbedUsage struct {
	PromptTokens int64 `json:"prompt_tokens"`
	TotalTokens  int64 `json:"total_tokens"`
}

// Embedding is one vector with the index of its input.
type Embedding struct {
	Object string `json:"object"`
	Index  int    `json:"index"`
	Vector Vector `json:"embedding"`
}

// MarshalJSON fills in the object's name.
func (e Embedding) MarshalJSON() ([]byte, error) {
	if e.Object == "" {
		e.Object = "embedding"
	}
	type plain Embedding
	return json.Marshal(plain(e))
}

// Vector is an embedding. It is read from a list of numbers or from base64 of
// little-endian float32 values, and written in the form that Base64 says:
// OpenAI's JavaScript client asks for base64 and takes nothing else.
type Vector struct {
	Values []float32
	Base64 bool
}

// UnmarshalJSON takes both forms.
func (v *Vector) UnmarshalJSON(data []byte) error {
	*v = Vector{}
	if len(data) == 0 || data[0] != '"' {
		return json.Unmarshal(data, &v.Values)
	}
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return err
	}
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(raw)%4 != 0 {
		return errors.New("embedding is neither a list of numbers nor base64 of float32 values")
	}
	v.Base64 = true
	v.Values = make([]float32, len(raw)/4)
	for i := range v.Values {
		v.Values[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
	}
	return nil
}

// MarshalJSON writes the form that Base64 says.
func (v Vector) MarshalJSON() ([]byte, error) {
	if !v.Base64 {
		if v.Values == nil {
			return []byte("[]"), nil
		}
		return json.Marshal(v.Values)
	}
	raw := make([]byte, 0, 4*len(v.Values))
	for _, x := range v.Values {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(x))
	}
	return json.Marshal(base64.StdEncoding.EncodeToString(raw))
}
