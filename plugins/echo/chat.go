package main

import (
	"cmp"
	"context"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// Chat implements [provider.Chatter].
func (e *endpoint) Chat(ctx context.Context, req *provider.ChatRequest) (*provider.ChatResponse, error) {
	reply, err := e.begin(ctx, req)
	if err != nil {
		return nil, err
	}
	if err := e.pause(ctx, len(reply.words)); err != nil {
		return nil, err
	}
	message := provider.ResponseMessage{Role: "assistant"}
	if reply.tool != nil {
		message.ToolCalls = []provider.ToolCall{*reply.tool}
	} else {
		text := reply.text()
		message.Content = &text
	}
	return &provider.ChatResponse{
		ID: reply.id, Model: reply.model,
		Choices: []provider.Choice{{Message: message, FinishReason: reply.finish}},
		Usage:   reply.usage.ChatUsage(),
		Extra:   req.Extra, // an echo says back what it does not understand, too
	}, nil
}

// StreamChat implements [provider.ChatStreamer]. A tool call is streamed as
// services do: its name first, then its arguments in fragments.
func (e *endpoint) StreamChat(ctx context.Context, req *provider.ChatRequest, out *provider.ChatWriter) (provider.Finish, error) {
	reply, err := e.begin(ctx, req)
	if err != nil {
		return provider.Finish{}, err
	}
	frame := chunkFrame{reply: reply, created: time.Now().Unix()}
	if err := out.Send(frame.delta(provider.Delta{Role: "assistant"})); err != nil {
		return provider.Finish{}, err
	}
	for i, delta := range reply.deltas() {
		if err := e.faults.duringStream(i); err != nil {
			return provider.Finish{}, err
		}
		if err := e.pause(ctx, 1); err != nil {
			return provider.Finish{}, err
		}
		if err := out.Send(frame.delta(delta)); err != nil {
			return provider.Finish{}, err
		}
	}
	last := []*provider.ChatChunk{frame.end()}
	if req.StreamOptions != nil && req.StreamOptions.IncludeUsage {
		last = append(last, frame.usage())
	}
	return provider.Finish{Reason: reply.finish, Usage: &reply.usage}, out.Send(last...)
}

// begin checks the request, lets the configured faults happen and decides on
// the reply.
func (e *endpoint) begin(ctx context.Context, req *provider.ChatRequest) (*reply, error) {
	if len(req.Messages) == 0 {
		return nil, invalid("messages", "messages is empty: give at least one message")
	}
	prompt := promptOf(req.Messages)
	if err := e.faults.before(ctx, prompt); err != nil {
		return nil, err
	}
	r := &reply{id: "chatcmpl-" + req.Call.RequestID, model: req.Model}
	if name := chooseTool(req, prompt); name != "" {
		r.callTool(name, prompt)
	} else {
		r.say(prompt, cmp.Or(req.MaxCompletionTokens, req.MaxTokens))
	}
	r.count(req.Messages)
	return r, nil
}

// chunkFrame makes the chunks of one stream, which share their outer fields.
type chunkFrame struct {
	reply   *reply
	created int64
}

func (f chunkFrame) chunk(choices ...provider.ChunkChoice) *provider.ChatChunk {
	return &provider.ChatChunk{ID: f.reply.id, Created: f.created, Model: f.reply.model, Choices: choices}
}

func (f chunkFrame) delta(d provider.Delta) *provider.ChatChunk {
	return f.chunk(provider.ChunkChoice{Delta: d})
}

func (f chunkFrame) end() *provider.ChatChunk {
	return f.chunk(provider.ChunkChoice{FinishReason: &f.reply.finish})
}

func (f chunkFrame) usage() *provider.ChatChunk {
	c := f.chunk()
	c.Usage = f.reply.usage.ChatUsage()
	return c
}
