package main

import (
	"encoding/json"
	"errors"
	"io"

	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/rest"
)

// event is an event of a stream, as far as it is looked at.
type event struct {
	Type    string          `json:"type"`
	Message *answer         `json:"message"`       // message_start
	Index   int             `json:"index"`         // content_block_*
	Block   json.RawMessage `json:"content_block"` // content_block_start
	Delta   delta           `json:"delta"`         // content_block_delta, message_delta
	Usage   *usage          `json:"usage"`         // message_delta
}

// delta is what an event adds to a block or to the message.
type delta struct {
	Type         string          `json:"type"`
	Text         string          `json:"text"`
	Thinking     string          `json:"thinking"`
	Signature    string          `json:"signature"`
	PartialJSON  string          `json:"partial_json"`
	Citation     json.RawMessage `json:"citation"`
	StopReason   string          `json:"stop_reason"`
	StopSequence *string         `json:"stop_sequence"`
	StopDetails  *stopDetails    `json:"stop_details"`
}

// eventStream reads a stream of the Messages API and reports what the host
// wants to know of it. What goes to the caller is up to take and send.
type eventStream struct {
	resp *rest.Response
	sink interface {
		Start(meta provider.Meta) error
		Usage(u provider.Usage) error
	}
	// take makes chunks of an event, send passes on those of a batch.
	take func(ev *event, data []byte) error
	send func() error

	meta     provider.Meta
	usage    *usage
	finish   provider.Finish
	seen     bool // the message has begun
	started  bool
	usageNew bool
	over     bool
}

// run reads events until the message is whole.
func (s *eventStream) run() (provider.Finish, error) {
	events, err := s.resp.Events()
	if err != nil {
		return provider.Finish{}, err
	}
	s.meta = s.resp.Meta()
	for !s.over {
		batch, err := events.Next()
		if errors.Is(err, io.EOF) {
			err = s.cutOff()
		}
		if err != nil {
			return provider.Finish{}, err
		}
		failure := s.takeAll(batch)
		if failure != nil && !s.started {
			return provider.Finish{}, failure // nothing was delivered: the host can retry
		}
		if err := s.flush(); err != nil {
			return provider.Finish{}, err
		}
		if failure != nil {
			return provider.Finish{}, failure
		}
	}
	s.resp.Finish()
	return s.finish, nil
}

func (s *eventStream) takeAll(batch []rest.Event) error {
	for _, ev := range batch {
		if s.over {
			return nil
		}
		if err := s.takeOne(ev); err != nil {
			return err
		}
	}
	return nil
}

func (s *eventStream) takeOne(in rest.Event) error {
	var ev event
	if err := json.Unmarshal(in.Data, &ev); err != nil {
		if in.Cut {
			return s.cutOff()
		}
		return s.resp.Unexpected(in.Data, "an event in JSON")
	}
	if ev.Type == "" {
		ev.Type = in.Type
	}
	switch ev.Type {
	case "error":
		return s.resp.ErrorFromBody(in.Data)
	case "": // another kind of stream, or an error without a type
		return s.resp.Unexpected(in.Data, "an event with a type")
	case "message_stop":
		if !s.seen {
			return s.resp.Unexpected(in.Data, "message_start before message_stop")
		}
	}
	s.note(&ev)
	return s.take(&ev, in.Data)
}

// note keeps what the event reports.
func (s *eventStream) note(ev *event) {
	switch ev.Type {
	case "message_start":
		s.seen = true
		if ev.Message == nil {
			return
		}
		s.meta.Model = ev.Message.Model
		if s.meta.RequestID == "" {
			s.meta.RequestID = ev.Message.ID
		}
		s.count(ev.Message.Usage)
	case "message_delta":
		if ev.Delta.StopReason != "" {
			s.finish.Reason = finishReason(ev.Delta.StopReason)
		}
		s.count(ev.Usage)
	case "message_stop":
		s.over = true
		if s.finish.Reason == "" {
			s.finish.Reason = finishReason("")
		}
	}
}

func (s *eventStream) count(u *usage) {
	if u == nil {
		return
	}
	if s.usage == nil {
		s.usage = &usage{}
	}
	s.usage.update(u)
	s.finish.Usage, s.usageNew = s.usage.tokens(), true
}

// flush passes on what the batch gave.
func (s *eventStream) flush() error {
	if !s.seen {
		return nil // nothing but pings so far
	}
	if !s.started {
		s.started = true
		if err := s.sink.Start(s.meta); err != nil {
			return err
		}
	}
	if err := s.send(); err != nil {
		return err
	}
	if !s.usageNew {
		return nil
	}
	s.usageNew = false
	return s.sink.Usage(*s.finish.Usage)
}

// cutOff is the error of a stream that ended without its last event.
func (s *eventStream) cutOff() error {
	what := "the connection ended before message_stop"
	if !s.seen {
		what = "the connection ended before message_start"
	}
	return &provider.Error{
		Code: provider.CodeProtocol, StatusCode: s.resp.Status, Message: "the stream was cut off: " + what,
		Source: provider.SourceUpstream, RequestID: s.meta.RequestID,
	}
}
