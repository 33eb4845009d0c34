package main

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// chatStream makes chunks of chat of a stream's events.
type chatStream struct {
	events    eventStream
	out       *provider.ChatWriter
	withUsage bool // the caller asked for a chunk with the counts

	id, model string
	created   int64
	chunks    []*provider.ChatChunk

	open  map[int]*openBlock
	done  []json.RawMessage // blocks that are whole
	kinds kinds
	tools int
	ended bool // the reason of the end was sent
	taken int  // bytes of events so far
}

// maxStream bounds a stream, since its blocks are kept to the end: the longest
// answers have a tenth of it.
const maxStream = 128 << 20

// take translates one event. Those that are not known say nothing that a chunk
// could hold.
func (c *chatStream) take(ev *event, data []byte) error {
	if c.taken += len(data); c.taken > maxStream {
		return &provider.Error{
			Code: provider.CodeProtocol, Source: provider.SourceUpstream, RequestID: c.events.meta.RequestID,
			Message: fmt.Sprintf("the stream is longer than %d MiB", maxStream>>20),
		}
	}
	switch ev.Type {
	case "message_start":
		c.begin(ev.Message)
	case "content_block_start":
		return c.start(ev, data)
	case "content_block_delta":
		if b := c.open[ev.Index]; b != nil {
			b.add(&ev.Delta)
			c.extend(b, &ev.Delta)
		}
	case "content_block_stop":
		if b := c.open[ev.Index]; b != nil {
			delete(c.open, ev.Index)
			c.stop(b)
		}
	case "message_delta":
		if ev.Delta.StopReason != "" {
			c.end(&ev.Delta)
		}
	case "message_stop":
		if !c.ended { // Anthropic always says why; callers wait for it
			c.end(&delta{})
		}
		if c.withUsage {
			c.chunks = append(c.chunks, &provider.ChatChunk{
				ID: c.id, Created: c.created, Model: c.model, Usage: c.events.usage.tokens().ChatUsage(),
			})
		}
	}
	return nil
}

// send passes on the chunks of a batch, in one piece.
func (c *chatStream) send() error {
	if len(c.chunks) == 0 {
		return nil
	}
	err := c.out.Send(c.chunks...)
	clear(c.chunks)
	c.chunks = c.chunks[:0]
	return err
}

// emit adds a chunk.
func (c *chatStream) emit(d provider.Delta, finish *string, extra provider.Extra) {
	c.chunks = append(c.chunks, &provider.ChatChunk{
		ID: c.id, Created: c.created, Model: c.model,
		Choices: []provider.ChunkChoice{{Delta: d, FinishReason: finish, Extra: extra}},
	})
}

func (c *chatStream) begin(m *answer) {
	if m != nil {
		c.id, c.model = m.ID, m.Model
	}
	c.created, c.open = time.Now().Unix(), map[int]*openBlock{}
	nothing := ""
	c.emit(provider.Delta{Role: "assistant", Content: &nothing}, nil, nil)
}

// start opens a block. A tool's name and id come with it, a text rarely.
func (c *chatStream) start(ev *event, data []byte) error {
	b := &openBlock{start: ev.Block}
	if err := json.Unmarshal(ev.Block, &b.part); err != nil || c.open == nil {
		return c.events.resp.Unexpected(data, "a content block of a message")
	}
	c.open[ev.Index] = b
	b.text.WriteString(b.part.Text)
	b.thinking.WriteString(b.part.Thinking)
	switch {
	case b.part.Type == typeToolUse:
		b.tool = c.tools
		c.tools++
		c.call(b, provider.ToolCall{ID: b.part.ID, Type: "function", Function: provider.FunctionCall{Name: b.part.Name}})
	case b.part.Type == typeText && b.part.Text != "":
		c.emit(provider.Delta{Content: &b.part.Text}, nil, nil)
	case b.part.Type == typeThinking && b.part.Thinking != "":
		c.emit(provider.Delta{ReasoningContent: b.part.Thinking}, nil, nil)
	}
	return nil
}

// extend passes on what was added to a block.
func (c *chatStream) extend(b *openBlock, d *delta) {
	switch {
	case b.part.Type == typeText && d.Text != "":
		text := d.Text
		c.emit(provider.Delta{Content: &text}, nil, nil)
	case b.part.Type == typeThinking && d.Thinking != "":
		c.emit(provider.Delta{ReasoningContent: d.Thinking}, nil, nil)
	case b.part.Type == typeToolUse && d.PartialJSON != "":
		c.call(b, provider.ToolCall{Function: provider.FunctionCall{Arguments: d.PartialJSON}})
	}
}

// call adds a piece of a tool call.
func (c *chatStream) call(b *openBlock, piece provider.ToolCall) {
	index := b.tool
	piece.Index = &index
	c.emit(provider.Delta{ToolCalls: []provider.ToolCall{piece}}, nil, nil)
}

// stop closes a block. Thinking is passed on whole now, with its signature, and
// arguments that did not come in pieces are.
func (c *chatStream) stop(b *openBlock) {
	whole := b.whole()
	c.done = append(c.done, whole)
	c.kinds.add(b.part.Type, b.cited())
	switch b.part.Type {
	case typeThinking, typeRedacted:
		c.emit(provider.Delta{Extra: blocksExtra([]json.RawMessage{whole}, nil, false)}, nil, nil)
	case typeToolUse:
		if b.input.Len() == 0 {
			c.call(b, provider.ToolCall{Function: provider.FunctionCall{Arguments: arguments(b.part.Input)}})
		}
	}
}

// end says why the message ended.
func (c *chatStream) end(d *delta) {
	last := provider.Delta{Extra: blocksExtra(nil, c.done, c.kinds.foreign)}
	if d.StopDetails != nil && d.StopDetails.Explanation != "" {
		last.Refusal = &d.StopDetails.Explanation
	}
	reason := finishReason(d.StopReason)
	c.ended = true
	c.emit(last, &reason, stopExtra(d.StopReason, d.StopSequence))
}
