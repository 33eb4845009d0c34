package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"unicode"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// chatSession is a conversation with its history.
type chatSession struct {
	options  *chatOptions
	client   *client
	std      streams
	messages []provider.Message
}

func newChatSession(o *chatOptions, std streams) (*chatSession, error) {
	c, err := newClient(*o.addr, "addr")
	if err != nil {
		return nil, err
	}
	s := &chatSession{options: o, client: c, std: std}
	s.clear()
	return s, nil
}

// clear forgets all but the system message.
func (s *chatSession) clear() {
	s.messages = nil
	if s.options.system != "" {
		s.messages = append(s.messages, provider.Message{Role: "system", Content: provider.TextContent(s.options.system)})
	}
}

// once asks one question.
func (s *chatSession) once(ctx context.Context, question string) error {
	ctx, stop := interruptible(ctx)
	defer stop()
	return s.ask(ctx, question)
}

// converse asks what is typed until the input ends. A failed answer is told
// and the conversation goes on, unless the host is gone.
func (s *chatSession) converse(ctx context.Context) error {
	s.std.say("Talking to %s. Ctrl-C stops an answer, /exit ends.", s.name())
	lines := bufio.NewScanner(s.std.in)
	lines.Buffer(nil, 1<<20)
	for {
		_, _ = fmt.Fprint(s.std.err, "> ") // nowhere to report it
		if !lines.Scan() {
			s.std.say("")
			return lines.Err()
		}
		switch line := strings.TrimSpace(lines.Text()); line {
		case "":
		case "/exit", "/quit":
			return nil
		case "/clear":
			s.clear()
			s.std.say("Forgotten.")
		default:
			if strings.HasPrefix(line, "/") {
				s.std.say("%s is not known; there are /clear and /exit", line)
				continue
			}
			if err := s.turn(ctx, line); err != nil {
				return err
			}
		}
	}
}

// turn asks one question of a conversation. Ctrl-C ends the answer, not the
// conversation; the part that came stays in the history.
func (s *chatSession) turn(ctx context.Context, line string) error {
	ctx, stop := interruptible(ctx)
	defer stop()
	err := s.ask(ctx, line)
	switch {
	case err == nil:
		return nil
	case exitCode(err) == exitInterrupted:
		s.std.say("\n(stopped)")
		return nil
	case exitCode(err) == exitNoHost || errors.Is(err, errOutput):
		return err
	default:
		s.std.say("backplane: %v", err)
		return nil
	}
}

func (s *chatSession) name() string {
	if s.options.model != "" {
		return s.options.model
	}
	return "endpoint " + s.options.endpoint
}

// ask sends the question with the history and prints the answer. A question
// without any answer is taken out of the history again.
func (s *chatSession) ask(ctx context.Context, question string) error {
	before := len(s.messages)
	s.messages = append(s.messages, userMessage(question))
	answer, err := s.send(ctx)
	if cannotStream(err) && !s.options.noStream {
		s.std.say("(%s does not stream; the answer comes as a whole)", s.name())
		s.options.noStream = true
		answer, err = s.send(ctx)
	}
	if err != nil && answer == "" {
		s.messages = s.messages[:before]
		return err
	}
	s.messages = append(s.messages, provider.Message{Role: "assistant", Content: provider.TextContent(answer)})
	return err
}

// cannotStream reports the refusal of an endpoint that answers as a whole alone.
func cannotStream(err error) bool {
	var refused *hostError
	return errors.As(err, &refused) && refused.Code == string(provider.CodeUnsupported) && refused.Param == "stream"
}

func (s *chatSession) send(ctx context.Context) (string, error) {
	header, err := s.options.header("application/json")
	if err != nil {
		return "", err
	}
	if s.options.endpoint != "" {
		header.Set("X-Backplane-Endpoint", s.options.endpoint)
	}
	body, err := json.Marshal(provider.ChatRequest{
		Model: s.options.model, Messages: s.messages, Stream: !s.options.noStream,
	})
	if err != nil {
		return "", fmt.Errorf("encode the request: %w", err)
	}
	resp, err := s.client.send(ctx, http.MethodPost, "/v1/chat/completions", header, bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	defer closeBody(resp)
	s.options.story(s.std, resp.Header)
	p := &answerPrinter{out: s.std.out, asJSON: s.options.asJSON, harmless: isTerminal(s.std.out)}
	if isEventStream(resp) {
		err = eachEvent(ctx, resp.Body, p.chunk)
	} else {
		err = p.whole(resp.Body)
	}
	if endErr := p.end(); err == nil {
		err = endErr
	}
	return p.text.String(), err
}

// errOutput marks failures to write to standard output.
var errOutput = errors.New("write the answer")

// answerPrinter prints answers as they come and keeps their text.
type answerPrinter struct {
	out    io.Writer
	asJSON bool
	// harmless: the answer goes to a terminal, which obeys control characters
	// that a model may have been talked into.
	harmless bool
	text     strings.Builder
	last     byte
}

func (p *answerPrinter) chunk(data []byte) error {
	var c provider.ChatChunk
	if err := json.Unmarshal(data, &c); err != nil {
		return fmt.Errorf("a chunk of the answer is not JSON: %w", err)
	}
	if p.asJSON {
		p.add(c.Choices)
		return p.print(string(data) + "\n")
	}
	return p.print(p.add(c.Choices))
}

// add keeps the text of a chunk's choices and returns it.
func (p *answerPrinter) add(choices []provider.ChunkChoice) string {
	start := p.text.Len()
	for _, choice := range choices {
		for _, part := range []*string{choice.Delta.Content, choice.Delta.Refusal} {
			if part != nil {
				p.text.WriteString(*part)
			}
		}
	}
	return p.text.String()[start:]
}

func (p *answerPrinter) whole(body io.Reader) error {
	data, err := io.ReadAll(io.LimitReader(body, maxAnswer))
	if err != nil {
		return fmt.Errorf("the answer was cut off: %w", plain(err))
	}
	var r provider.ChatResponse
	if err := json.Unmarshal(data, &r); err != nil {
		return fmt.Errorf("the answer is not JSON: %w", err)
	}
	for _, choice := range r.Choices {
		for _, part := range []*string{choice.Message.Content, choice.Message.Refusal} {
			if part != nil {
				p.text.WriteString(*part)
			}
		}
	}
	if p.asJSON {
		return p.print(strings.TrimRight(string(data), "\n") + "\n")
	}
	return p.print(p.text.String())
}

func (p *answerPrinter) print(s string) error {
	if s == "" {
		return nil
	}
	p.last = s[len(s)-1]
	if p.harmless {
		s = strings.Map(visible, s)
	}
	if _, err := io.WriteString(p.out, s); err != nil {
		return fmt.Errorf("%w: %w", errOutput, err)
	}
	return nil
}

// end closes an open line.
func (p *answerPrinter) end() error {
	if p.last == 0 || p.last == '\n' {
		return nil
	}
	return p.print("\n")
}

// visible drops control characters but for line ends and tabs.
func visible(r rune) rune {
	if r != '\n' && r != '\t' && unicode.IsControl(r) {
		return -1
	}
	return r
}
