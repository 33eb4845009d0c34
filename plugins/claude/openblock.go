package main

import (
	"encoding/json"
	"strings"
)

// openBlock is a content block of a stream that is not whole yet.
type openBlock struct {
	start json.RawMessage // as content_block_start had it
	part  part
	tool  int // the number of the tool call

	text, thinking, signature, input strings.Builder
	citations                        []json.RawMessage
}

// add takes a piece.
func (b *openBlock) add(d *delta) {
	b.text.WriteString(d.Text)
	b.thinking.WriteString(d.Thinking)
	b.signature.WriteString(d.Signature)
	b.input.WriteString(d.PartialJSON)
	if d.Citation != nil {
		b.citations = append(b.citations, d.Citation)
	}
}

func (b *openBlock) cited() bool { return len(b.citations)+len(b.part.Citations) > 0 }

// whole is the block as an answer without a stream would have it: its fields,
// those that this plugin does not know too, and the pieces.
func (b *openBlock) whole() json.RawMessage {
	var fields map[string]json.RawMessage
	if json.Unmarshal(b.start, &fields) != nil {
		return b.start
	}
	switch b.part.Type {
	case typeText:
		fields["text"] = encoded(b.text.String())
	case typeThinking:
		fields["thinking"] = encoded(b.thinking.String())
		if b.signature.Len() > 0 {
			fields["signature"] = encoded(b.signature.String())
		}
	}
	if input := b.input.String(); json.Valid([]byte(input)) {
		fields["input"] = json.RawMessage(input)
	}
	if len(b.citations) > 0 {
		fields["citations"] = encoded(append(b.part.Citations, b.citations...))
	}
	return encoded(fields)
}
