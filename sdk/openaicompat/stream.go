package openaicompat

import (
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/backplane-dev/backplane/sdk/openaicompat/internal/jsonscan"
	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/rest"
)

// Stream implements [provider.Streamer].
func (e *endpoint) Stream(ctx context.Context, req *provider.Request, out provider.Sink) (provider.Finish, error) {
	op, err := e.operation(req, provider.ModeStream)
	if err != nil {
		return provider.Finish{}, err
	}
	ed := e.newEdit(op, req)
	ed.stream(op, true, e.provider.dialect.NoStreamUsage)
	resp, err := e.send(ctx, op, req, ed, rest.TypeEventStream)
	wantsUsage := ed.wantsUsage
	ed.release()
	if err != nil {
		return provider.Finish{}, err
	}
	defer resp.Close()
	events, err := resp.Events()
	if err != nil {
		return provider.Finish{}, err
	}
	s := &stream{resp: resp, out: out, op: op, dialect: &e.provider.dialect, named: op.Events == Named, meta: e.meta(resp), models: &e.models, asked: req.Model}
	s.chunks = s.space[:0]
	s.keepUsage = wantsUsage || !op.StreamUsage || e.provider.dialect.NoStreamUsage
	s.makeUsage = wantsUsage && e.provider.dialect.NoStreamUsage
	if err := s.run(events); err != nil {
		return provider.Finish{}, err
	}
	if err := s.sendUsage(); err != nil {
		return provider.Finish{}, err
	}
	resp.Finish()
	return s.finish, nil
}

// stream passes one stream on.
type stream struct {
	resp      *rest.Response
	out       provider.Sink
	op        *Operation
	dialect   *Dialect
	models    *modelNames
	asked     string // the model that the request is for
	named     bool   // events are named, see [Named]
	keepUsage bool   // the caller asked for the chunk with the usage
	makeUsage bool   // and the service does not send it, see usageChunk

	meta     provider.Meta
	id       string // the chunks' own
	started  bool
	chunks   [][]byte // of the current batch
	seen     bool     // a chunk was taken
	usageNew bool     // usage changed in this batch
	over     bool     // the end was seen
	finish   provider.Finish
	usage    provider.Usage // the latest
	alike    alike
	space    [8][]byte // of chunks, enough for most batches
}

// run reads events until the stream is over.
func (s *stream) run(events *rest.EventReader) error {
	for !s.over {
		batch, err := events.Next()
		if errors.Is(err, io.EOF) {
			return s.ended()
		}
		if err != nil {
			return err
		}
		failure := s.take(batch)
		if failure != nil && !s.started {
			return failure // what came with it was not delivered: the host can retry
		}
		if err := s.flush(); err != nil {
			return err
		}
		if failure != nil {
			return failure
		}
	}
	if !s.seen {
		return truncated("it ended before its first chunk")
	}
	return nil
}

// take looks at the events that arrived together.
func (s *stream) take(batch []rest.Event) error {
	s.chunks, s.usageNew = s.chunks[:0], false
	for i := range batch {
		if s.over {
			return nil // what follows the end is no part of the stream
		}
		if err := s.event(&batch[i]); err != nil {
			return err
		}
	}
	return nil
}

func (s *stream) event(ev *rest.Event) error {
	if s.alike.knows(ev.Data, ev.Type != "") {
		s.pass(ev.Data)
		return nil
	}
	data := bytes.TrimSpace(ev.Data)
	if len(data) == 0 {
		return nil
	}
	if ev.Done() {
		s.over = true
		return nil
	}
	f, err := readFacts(data)
	if err != nil {
		if ev.Cut {
			return truncated("the connection ended inside a chunk")
		}
		return s.resp.Unexpected(data, "a chunk in JSON")
	}
	name := ""
	if f.kind == nil && ev.Type != "" {
		name, f.kind = ev.Type, jsonscan.AppendString(nil, ev.Type)
	}
	if f.failed || isFailure(f.kind) {
		return s.failure(data, &f)
	}
	if name == "" {
		s.alike.learn(data, &f)
	}
	return s.chunk(data, &f, name)
}

// failure makes the error that an event reports.
func (s *stream) failure(data []byte, f *facts) error {
	if f.inner != nil {
		data = f.inner
	}
	return s.resp.ErrorFromBody(data)
}

// chunk takes one chunk. name is that of a named event which does not say it
// within its data.
func (s *stream) chunk(data []byte, f *facts, name string) error {
	s.seen = true
	if f.inner != nil { // an event about a response
		inner, err := readFacts(f.inner)
		if err != nil {
			return s.resp.Unexpected(data, "a chunk in JSON")
		}
		f.id, f.model, f.usage, f.used = inner.id, inner.model, inner.usage, inner.used
		if isEnd(f.kind) {
			f.finish = inner.finish
		}
	}
	s.note(f)
	s.makeUsage = s.makeUsage && (!f.used || f.choices)
	if s.named {
		s.over = isEnd(f.kind)
		data = withType(data, name)
	} else if f.used && !f.choices && !s.keepUsage {
		return nil
	}
	s.pass(data)
	return nil
}

// pass adds a chunk to the batch.
func (s *stream) pass(data []byte) {
	s.chunks = append(s.chunks, s.dialect.canonicalReasoning(s.op, data))
}

// note keeps what the chunk reports.
func (s *stream) note(f *facts) {
	if s.meta.Model == "" {
		s.meta.Model = s.models.text(f.model, s.asked)
	}
	if s.id == "" {
		s.id = text(f.id)
	}
	if s.meta.RequestID == "" {
		s.meta.RequestID = s.id
	}
	if f.finish != "" {
		s.finish.Reason = f.finish
	}
	if f.used {
		s.usage, s.usageNew = f.usage, true
		s.finish.Usage = &s.usage
	}
}

// flush passes on what the batch gave, in one Send.
func (s *stream) flush() error {
	if !s.started && (len(s.chunks) > 0 || s.usageNew) {
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
	if s.usageNew {
		return s.out.Usage(*s.finish.Usage)
	}
	return nil
}

// ended judges a connection that ended without an end of the stream.
func (s *stream) ended() error {
	switch {
	case !s.seen:
		return truncated("the connection ended before the first chunk")
	case s.named:
		return truncated("the connection ended before the last event")
	case s.finish.Reason == "":
		return truncated("the connection ended without [DONE] or a finish reason")
	default:
		return nil
	}
}

// withType makes sure that a named event says its name within its data, where
// the caller looks for it.
func withType(data []byte, name string) []byte {
	if name == "" {
		return data
	}
	typed, err := jsonscan.Edit(data, []jsonscan.Change{
		{Key: "type", Value: jsonscan.AppendString(nil, name), Default: true},
	})
	if err != nil {
		return data
	}
	return typed
}
