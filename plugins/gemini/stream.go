package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// StreamChat implements [provider.ChatStreamer].
func (e *endpoint) StreamChat(ctx context.Context, req *provider.ChatRequest, out *provider.ChatWriter) (provider.Finish, error) {
	body, err := translate(req)
	if err != nil {
		return provider.Finish{}, err
	}
	resp, err := e.post(ctx, req.Call, req.Model, methodStream, body)
	if err != nil {
		return provider.Finish{}, err
	}
	defer resp.Close()
	in, err := events(resp)
	if err != nil {
		return provider.Finish{}, err
	}
	s := &chatStream{out: out, meta: resp.Meta(), model: req.Model, created: time.Now().Unix(), choices: map[int]*streamedChoice{}}
	s.wantsUsage = req.StreamOptions != nil && req.StreamOptions.IncludeUsage
	if err := s.run(in); err != nil {
		return provider.Finish{}, err
	}
	return s.finish()
}

// chatStream translates one stream.
type chatStream struct {
	out        *provider.ChatWriter
	meta       provider.Meta
	id, model  string
	created    int64
	wantsUsage bool // the caller asked for a chunk with the usage

	started bool
	chunks  []*provider.ChatChunk // of the events that arrived together
	usage   *provider.Usage       // the last that was reported
	choices map[int]*streamedChoice
}

// streamedChoice is what is remembered of a candidate.
type streamedChoice struct {
	begun  bool
	calls  int
	reason string
	word   string // the service's own for the reason, where it says more
}

// run reads the stream to its end. Chunks that arrived before a failure are
// delivered, unless they came together with it as the first: then nothing was,
// and the host can try again.
func (s *chatStream) run(in *eventStream) error {
	for {
		s.chunks = s.chunks[:0]
		before := s.usage
		failure := in.next(func(data []byte) error { return s.event(in, data) })
		if failure != nil && !errors.Is(failure, io.EOF) && !s.started {
			return failure
		}
		if err := s.flush(s.usage != before); err != nil {
			return err
		}
		if errors.Is(failure, io.EOF) {
			return nil
		}
		if failure != nil {
			return failure
		}
	}
}

// event translates one event.
func (s *chatStream) event(in *eventStream, data []byte) error {
	var a generateAnswer
	if err := json.Unmarshal(data, &a); err != nil {
		return protocolError("an event of the stream cannot be read: %w", err)
	}
	if blocked := a.PromptFeedback.blocked(); blocked != nil && len(a.Candidates) == 0 {
		blocked.RequestID = a.ResponseID
		return blocked
	}
	in.note(&a)
	if s.id == "" {
		s.id = a.ResponseID
	}
	if a.ModelVersion != "" {
		s.model = a.ModelVersion
	}
	a.report(&s.meta)
	if usage := a.UsageMetadata.tokens(); usage != nil {
		s.usage = usage
	}
	extra := a.extra
	for i := range a.Candidates {
		chunk, err := s.candidate(&a.Candidates[i])
		if err != nil {
			return err
		}
		if chunk != nil {
			chunk.Extra, extra = extra, nil
			s.chunks = append(s.chunks, chunk)
		}
	}
	return nil
}

// candidate makes a chunk of what an event adds to a candidate, nil if that is
// nothing. The reason of its end is kept back until the stream's: some models
// name one in every event.
func (s *chatStream) candidate(c *candidate) (*provider.ChatChunk, error) {
	state := s.choices[c.Index]
	if state == nil {
		state = &streamedChoice{}
		s.choices[c.Index] = state
	}
	p := c.sort()
	reason, err := c.finish(state.calls+len(p.calls) > 0)
	if err != nil {
		return nil, err
	}
	if reason != "" {
		state.reason, state.word = reason, c.FinishReason
	}
	logprobs := c.LogprobsResult.canonical()
	delta := provider.Delta{ReasoningContent: p.thoughts, ToolCalls: p.calls, Extra: p.extra()}
	if p.text != "" {
		delta.Content = &p.text
	}
	for i := range delta.ToolCalls {
		index := state.calls
		delta.ToolCalls[i].Index = &index
		state.calls++
	}
	empty := delta.Content == nil && delta.ReasoningContent == "" && delta.ToolCalls == nil && delta.Extra == nil
	if state.begun && empty && logprobs == nil && c.extra == nil {
		return nil, nil
	}
	if !state.begun {
		state.begun, delta.Role = true, "assistant"
	}
	return s.chunk(provider.ChunkChoice{Index: c.Index, Delta: delta, Logprobs: logprobs, Extra: c.extra}), nil
}

func (s *chatStream) chunk(choices ...provider.ChunkChoice) *provider.ChatChunk {
	return &provider.ChatChunk{ID: s.id, Created: s.created, Model: s.model, Choices: choices}
}

// flush delivers the chunks and the usage that the events gave.
func (s *chatStream) flush(usage bool) error {
	if len(s.chunks) == 0 && !usage {
		return nil
	}
	if !s.started {
		s.started = true
		if err := s.out.Start(s.meta); err != nil {
			return err
		}
	}
	if len(s.chunks) > 0 {
		if err := s.out.Send(s.chunks...); err != nil {
			return err
		}
	}
	if usage {
		return s.out.Usage(*s.usage)
	}
	return nil
}

// finish sends the reasons of the end and, if asked for, the usage.
func (s *chatStream) finish() (provider.Finish, error) {
	end := provider.Finish{Usage: s.usage}
	indexes := make([]int, 0, len(s.choices))
	for index := range s.choices {
		indexes = append(indexes, index)
	}
	slices.Sort(indexes)
	s.chunks = s.chunks[:0]
	for _, index := range indexes {
		state := s.choices[index]
		if end.Reason == "" {
			end.Reason = state.reason
		}
		word := candidate{FinishReason: state.word}
		s.chunks = append(s.chunks, s.chunk(provider.ChunkChoice{
			Index: index, FinishReason: &state.reason, Extra: word.choiceExtra(),
		}))
	}
	if s.wantsUsage && s.usage != nil {
		last := s.chunk()
		last.Usage = s.usage.ChatUsage()
		s.chunks = append(s.chunks, last)
	}
	return end, s.flush(false)
}
