package tgi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"

	"github.com/backplane-dev/backplane/plugins/internal/hf"
	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/rest"
)

// tokenEvent is one event of a stream. The last has the whole text.
type tokenEvent struct {
	Token *struct {
		Text    string `json:"text"`
		Special bool   `json:"special"`
	} `json:"token"`
	GeneratedText *string         `json:"generated_text"`
	Details       *details        `json:"details"`
	Error         json.RawMessage `json:"error"`
}

// streamGenerate passes the server's own events on, a chunk each.
func (e *endpoint) streamGenerate(ctx context.Context, req *provider.Request, out provider.Sink) (provider.Finish, error) {
	resp, err := e.sendGenerate(ctx, req, req.Body, true)
	if err != nil {
		return provider.Finish{}, err
	}
	var chunks [][]byte
	s := &tokenStream{resp: resp, out: out}
	s.take = func(_ *tokenEvent, data []byte) { chunks = append(chunks, data) }
	s.send = func() error {
		defer func() { chunks = chunks[:0] }()
		return out.Send(chunks...)
	}
	return s.run()
}

// reporter is the part of a sink that is the same for raw and typed streams.
type reporter interface {
	Start(meta provider.Meta) error
	Usage(u provider.Usage) error
}

// tokenStream reads a stream of tokens. take is given each event, send passes on
// what take made of those that arrived together.
type tokenStream struct {
	resp *rest.Response
	out  reporter
	take func(ev *tokenEvent, data []byte)
	send func() error

	started, over bool
	tokens        int64
	finish        provider.Finish
}

// run reads events until the last.
func (s *tokenStream) run() (provider.Finish, error) {
	defer s.resp.Close()
	events, err := s.resp.Events()
	if err != nil {
		return provider.Finish{}, err
	}
	for !s.over {
		batch, err := events.Next()
		if errors.Is(err, io.EOF) {
			return provider.Finish{}, hf.Protocol("the stream was cut off: the connection ended before the last token")
		}
		if err != nil {
			return provider.Finish{}, err
		}
		if err := s.pass(batch); err != nil {
			return provider.Finish{}, err
		}
	}
	s.resp.Finish()
	return s.finish, nil
}

// pass takes the events that arrived together and sends what came of them. An
// error before the first token was sent can be retried by the host.
func (s *tokenStream) pass(batch []rest.Event) error {
	taken := 0
	var failure error
	for i := range batch {
		if s.over {
			break
		}
		if failure = s.event(&batch[i]); failure != nil {
			break
		}
		taken++
	}
	if taken == 0 || failure != nil && !s.started {
		return failure
	}
	if !s.started {
		s.started = true
		if err := s.out.Start(s.resp.Meta()); err != nil {
			return err
		}
	}
	if err := s.send(); err != nil {
		return err
	}
	if failure != nil {
		return failure
	}
	return s.out.Usage(s.usage())
}

func (s *tokenStream) event(ev *rest.Event) error {
	data := bytes.TrimSpace(ev.Data)
	if ev.Done() {
		return hf.Protocol("the stream was cut off: it ended before the last token")
	}
	var t tokenEvent
	err := json.Unmarshal(data, &t)
	switch {
	case err != nil && ev.Cut:
		return hf.Protocol("the stream was cut off: the connection ended inside an event")
	case err == nil && len(t.Error) > 0 && string(t.Error) != "null":
		return s.resp.ErrorFromBody(data)
	case err != nil, t.Token == nil && t.GeneratedText == nil:
		return s.resp.Unexpected(data, "a token in JSON")
	}
	s.tokens++
	if d := t.Details; d != nil {
		s.finish.Reason = finishReasons[d.FinishReason]
		s.finish.Usage = &provider.Usage{Input: d.InputLength, Output: d.GeneratedTokens, Total: d.InputLength + d.GeneratedTokens}
	}
	s.over = t.GeneratedText != nil
	s.take(&t, data)
	return nil
}

// usage is what is known so far: before the end the tokens that arrived.
func (s *tokenStream) usage() provider.Usage {
	if s.finish.Usage != nil {
		return *s.finish.Usage
	}
	return provider.Usage{Output: s.tokens, Total: s.tokens}
}
