package tgi

import (
	"context"
	"strings"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// promptEndpoint is an endpoint whose chat is written as a prompt here and
// answered by generate. All else is as it is.
type promptEndpoint struct{ *endpoint }

// Chat implements [provider.Chatter].
func (e *promptEndpoint) Chat(ctx context.Context, req *provider.ChatRequest) (*provider.ChatResponse, error) {
	w, err := e.write(req)
	if err != nil {
		return nil, err
	}
	resp, err := e.sendGenerate(ctx, req.Call, w.body, false)
	if err != nil {
		return nil, err
	}
	g, meta, _, err := readGenerated(resp)
	if err != nil {
		return nil, err
	}
	said := w.trim(*g.Text)
	finish := meta.FinishReason
	if finish == "" {
		finish = "stop" // hosted models do not always say
	}
	message := provider.ResponseMessage{Role: "assistant", Content: &said}
	choice := provider.Choice{Message: message, FinishReason: finish}
	return &provider.ChatResponse{Choices: []provider.Choice{choice}, Usage: meta.Usage.ChatUsage(), Meta: meta}, nil
}

// trim takes away the text at which the model stopped, which the server leaves
// at the end.
func (w *written) trim(text string) string {
	for _, stop := range w.stops {
		if cut, found := strings.CutSuffix(text, stop); found {
			return cut
		}
	}
	return text
}

// StreamChat implements [provider.ChatStreamer].
func (e *promptEndpoint) StreamChat(ctx context.Context, req *provider.ChatRequest, out *provider.ChatWriter) (provider.Finish, error) {
	w, err := e.write(req)
	if err != nil {
		return provider.Finish{}, err
	}
	resp, err := e.sendGenerate(ctx, req.Call, w.body, true)
	if err != nil {
		return provider.Finish{}, err
	}
	c := &chatWriter{written: w, out: out, head: provider.ChatChunk{ID: "chatcmpl-" + req.Call.RequestID, Created: time.Now().Unix(), Model: req.Model}}
	c.usage = req.StreamOptions != nil && req.StreamOptions.IncludeUsage
	c.tokens = tokenStream{resp: resp, out: out, take: c.take, send: c.send}
	return c.tokens.run()
}

// chatWriter makes chunks of chat of tokens.
type chatWriter struct {
	*written
	tokens tokenStream
	out    *provider.ChatWriter
	head   provider.ChatChunk // what all chunks have
	usage  bool               // the caller asked for a chunk with the usage

	begun bool
	held  string // may be the beginning of a stop sequence
	said  string // of the tokens that arrived together
	last  *tokenEvent
}

// take adds a token's text. Special tokens are marks that nobody reads.
func (c *chatWriter) take(ev *tokenEvent, _ []byte) {
	if ev.GeneratedText != nil {
		c.last = ev
	}
	if ev.Token != nil && !ev.Token.Special {
		c.said += ev.Token.Text
	}
}

// send passes on the text but for an end that may become a stop sequence.
func (c *chatWriter) send() error {
	text := c.held + c.said
	c.held, c.said = "", ""
	if c.last == nil {
		keep := c.beginning(text)
		text, c.held = text[:len(text)-keep], text[len(text)-keep:]
	} else {
		text = c.trim(text)
	}
	var chunks []*provider.ChatChunk
	if text != "" || !c.begun {
		delta := provider.Delta{Content: &text}
		if !c.begun {
			delta.Role, c.begun = "assistant", true
		}
		chunks = append(chunks, c.chunk(provider.ChunkChoice{Delta: delta}))
	}
	if c.last != nil {
		chunks = append(chunks, c.end()...)
	}
	if len(chunks) == 0 {
		return nil
	}
	return c.out.Send(chunks...)
}

// beginning is the length of the longest end of text with which a stop sequence
// begins.
func (c *chatWriter) beginning(text string) int {
	longest := 0
	for _, stop := range c.stops {
		for n := min(len(stop), len(text)); n > longest; n-- {
			if strings.HasSuffix(text, stop[:n]) {
				longest = n
			}
		}
	}
	return longest
}

// end makes the last chunks: the finish reason, and the usage if it was asked
// for.
func (c *chatWriter) end() []*provider.ChatChunk {
	finish := &c.tokens.finish
	if finish.Reason == "" {
		finish.Reason = "stop"
	}
	chunks := []*provider.ChatChunk{c.chunk(provider.ChunkChoice{FinishReason: &finish.Reason})}
	if c.usage && finish.Usage != nil {
		last := c.chunk()
		last.Usage = finish.Usage.ChatUsage()
		chunks = append(chunks, last)
	}
	return chunks
}

func (c *chatWriter) chunk(choices ...provider.ChunkChoice) *provider.ChatChunk {
	chunk := c.head
	chunk.Choices = choices
	return &chunk
}
