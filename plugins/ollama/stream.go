package main

import (
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/rest"
)

// eachBatch reads the JSON lines of an answer, those that arrived together
// together, until take says that it has seen the last one.
func eachBatch(resp *rest.Response, take func(lines [][]byte) (done bool, err error)) error {
	lines, err := resp.Lines()
	if err != nil {
		return err
	}
	for {
		batch, err := lines.Next()
		if errors.Is(err, io.EOF) {
			return protocol("the stream was cut off: the connection ended before the last line")
		}
		if err != nil {
			return err
		}
		done, err := take(batch)
		if err != nil {
			return err
		}
		if done {
			resp.Finish()
			return nil
		}
	}
}

// StreamChat implements [provider.ChatStreamer].
func (e *endpoint) StreamChat(ctx context.Context, req *provider.ChatRequest, out *provider.ChatWriter) (provider.Finish, error) {
	body, err := e.chatRequest(req, true)
	if err != nil {
		return provider.Finish{}, err
	}
	resp, err := e.do(ctx, req.Call, http.MethodPost, chatPath, body, rest.TypeLines)
	if err != nil {
		return provider.Finish{}, err
	}
	defer resp.Close()
	s := &chatStream{
		resp: resp, out: out, id: answerID(req.Call), ids: callIDs{request: req.Call.RequestID},
		wantsUsage: req.StreamOptions != nil && req.StreamOptions.IncludeUsage,
	}
	err = eachBatch(resp, s.take)
	return s.finish, err
}

// chatStream translates one stream.
type chatStream struct {
	resp       *rest.Response
	out        *provider.ChatWriter
	id         string
	ids        callIDs
	wantsUsage bool

	started bool
	chunks  []*provider.ChatChunk // of the current batch
	finish  provider.Finish
}

// take translates the lines that arrived together and sends what they give. What
// came before a failure is sent, unless nothing was sent yet: the host can try
// again then.
func (s *chatStream) take(lines [][]byte) (done bool, err error) {
	s.chunks = nil
	var failure error
	for _, line := range lines {
		var got answer
		if failure = read(s.resp, line, &got); failure != nil {
			break
		}
		s.add(&got)
		if done = got.Done; done {
			break
		}
	}
	if failure != nil && !s.started {
		return false, failure
	}
	if err := s.send(); err != nil {
		return false, err
	}
	return done, failure
}

func (s *chatStream) send() error {
	if len(s.chunks) == 0 {
		return nil
	}
	if !s.started {
		s.started = true
		meta := s.resp.Meta()
		meta.Model = s.chunks[0].Model
		if err := s.out.Start(meta); err != nil {
			return err
		}
	}
	return s.out.Send(s.chunks...)
}

// add makes the chunks of a line: what it says, and at the end how it ended.
func (s *chatStream) add(got *answer) {
	calls := s.ids.canonical(got.Message.ToolCalls, true)
	first := !s.started && len(s.chunks) == 0
	if first || got.Message.Content != "" || got.Message.Thinking != "" || len(calls) > 0 || len(got.logprobs()) > 0 {
		delta := provider.Delta{ReasoningContent: got.Message.Thinking, ToolCalls: calls}
		if first {
			delta.Role = "assistant"
		}
		if got.Message.Content != "" || first && len(calls) == 0 && got.Message.Thinking == "" {
			delta.Content = &got.Message.Content
		}
		s.chunk(got, provider.ChunkChoice{Delta: delta, Logprobs: got.logprobs()})
	}
	if !got.Done {
		return
	}
	reason := got.finish(s.ids.next > 0)
	s.finish = provider.Finish{Reason: reason, Usage: got.usage()}
	last := s.chunk(got, provider.ChunkChoice{FinishReason: &reason})
	last.Extra = got.extra()
	if s.wantsUsage && s.finish.Usage != nil {
		s.chunk(got).Usage = s.finish.Usage.ChatUsage()
	}
}

// chunk adds a chunk.
func (s *chatStream) chunk(got *answer, choices ...provider.ChunkChoice) *provider.ChatChunk {
	c := &provider.ChatChunk{ID: s.id, Created: created(got.CreatedAt), Model: got.Model, Choices: choices}
	s.chunks = append(s.chunks, c)
	return c
}
