package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"

	"github.com/backplane-dev/backplane/sdk/rest"
)

// eventStream reads the events of a stream. Each is an answer of generateContent
// of its own; nothing but the connection's end marks the end.
type eventStream struct {
	resp *rest.Response
	read *rest.EventReader
	tail *tail
	// ended is true if a candidate gave its finish reason, or the prompt was
	// refused; open are the candidates that began and have not.
	ended bool
	open  map[int]bool
}

// events makes a reader of an answer's events.
func events(resp *rest.Response) (*eventStream, error) {
	if resp.ContentType == rest.TypeJSON {
		defer resp.Close()
		return nil, notEvents(resp)
	}
	if _, err := resp.Events(); err != nil { // says what else it is
		return nil, err
	}
	t := &tail{src: resp}
	return &eventStream{resp: resp, tail: t, read: rest.NewEventReader(t, 0), open: map[int]bool{}}, nil
}

// notEvents is the error of an answer in JSON: an error that the service
// reported, or a list of answers, which is its stream without alt=sse.
func notEvents(resp *rest.Response) error {
	data, err := resp.ReadAll()
	if err != nil {
		return err
	}
	if data = bytes.TrimSpace(data); len(data) > 0 && data[0] == '[' && detail(data) == nil {
		return protocolError("the service answered with a list in JSON in place of an event stream: something on the way takes alt=sse out of the address")
	}
	if inner := detail(data); inner != nil {
		data = inner
	}
	return resp.Unexpected(data, "an event stream")
}

// detail returns the object with the error in a list of answers, nil if there is
// none.
func detail(list []byte) []byte {
	var all []json.RawMessage
	if json.Unmarshal(list, &all) != nil {
		return nil
	}
	for _, one := range all {
		if isError(one) {
			return one
		}
	}
	return nil
}

// isError reports whether an object reports an error.
func isError(data []byte) bool {
	var object struct {
		Error json.RawMessage `json:"error"`
	}
	return json.Unmarshal(data, &object) == nil && object.Error != nil && string(object.Error) != "null"
}

// next returns the data of the events that have arrived, at least one; io.EOF at
// the end of a stream that is whole. Errors that the service reports within the
// stream are errors, and so is an end before the end.
func (s *eventStream) next(take func(data []byte) error) error {
	batch, err := s.read.Next()
	if errors.Is(err, io.EOF) {
		return s.end()
	}
	if err != nil {
		return err
	}
	for _, ev := range batch {
		data := bytes.TrimSpace(ev.Data)
		switch {
		case len(data) == 0, ev.Done():
			continue
		case isError(data):
			return s.resp.ErrorFromBody(data)
		case !json.Valid(data) && ev.Cut:
			return protocolError("the stream was cut off inside an event")
		case !isObject(data):
			return s.resp.Unexpected(data, "an event in JSON")
		}
		if err := take(data); err != nil {
			return err
		}
	}
	return nil
}

// note keeps what an event says about the end of candidates.
func (s *eventStream) note(a *generateAnswer) {
	if a.PromptFeedback.blocked() != nil {
		s.ended = true
	}
	for i := range a.Candidates {
		c := &a.Candidates[i]
		if c.FinishReason == "" || c.FinishReason == "FINISH_REASON_UNSPECIFIED" {
			if _, known := s.open[c.Index]; !known {
				s.open[c.Index] = true
			}
			continue
		}
		s.ended, s.open[c.Index] = true, false
	}
}

// end judges the end of the connection.
func (s *eventStream) end() error {
	if raw := s.tail.object(); raw != nil && isError(raw) {
		return s.resp.ErrorFromBody(raw) // without an event's framing
	}
	if !s.ended {
		return protocolError("the stream was cut off: it ended without a finishReason")
	}
	for index, open := range s.open {
		if open {
			return protocolError("the stream was cut off: candidate %d has no finishReason", index)
		}
	}
	return io.EOF
}

// tail keeps the end of what is read. When the service fails in the middle of a
// stream it writes the error as plain JSON, without an event's framing, which a
// reader of events rightly overlooks.
type tail struct {
	src  io.Reader
	last []byte
}

// maxTail bounds what is kept: an error with its details is some 2 KiB.
const maxTail = 16 << 10

// Read implements [io.Reader].
func (t *tail) Read(p []byte) (int, error) {
	n, err := t.src.Read(p)
	t.last = append(t.last, p[max(0, n-maxTail):n]...)
	if over := len(t.last) - maxTail; over > 0 {
		t.last = append(t.last[:0], t.last[over:]...)
	}
	return n, err
}

// object returns the JSON object with which the input ended, nil if it did not.
func (t *tail) object() []byte {
	rest := bytes.TrimSpace(t.last)
	for start := 0; start < len(rest); {
		if rest[start] == '{' && json.Valid(rest[start:]) {
			return rest[start:]
		}
		line := bytes.IndexByte(rest[start:], '\n')
		if line < 0 {
			return nil
		}
		start += line + 1
	}
	return nil
}
