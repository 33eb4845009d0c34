package main

import (
	"context"
	"flag"
	"io"
	"os"
	"strings"

	"github.com/mattn/go-isatty"

	"github.com/backplane-dev/backplane/sdk/provider"
)

const chatUsage = `Ask a model.

Usage:
  backplane chat -model NAME [flags] TEXT...
  COMMAND | backplane chat -model NAME [flags] [TEXT...]
  backplane chat -model NAME [flags]

With TEXT, or with something piped into it, one question and its answer. Without
both a conversation: each line is a message, the history is kept. Ctrl-C stops
an answer, /exit or Ctrl-D ends the conversation, /clear forgets it. The answer
appears as it comes.

Example:
  $ backplane chat -model echo "hello there"
  hello there
  $ git diff | backplane chat -model gpt-4o-mini "Review this change."

Flags:
  -model NAME         model, route or endpoint to ask
  -endpoint ID        ask this endpoint, whatever the model's name
  -system TEXT        system message before the first question
  -no-stream          wait for the whole answer
  -json               print the answer as the API gives it; chunks one a line
  -timeout DURATION   time for each answer, such as 30s; default the endpoint's
  -api-key-env NAME   key for the calls, from a variable of the CLI
  -v                  print the answer's headers that Backplane sets
  -addr ADDR          address of the HTTP API (BACKPLANE_ADDR, http://127.0.0.1:8080)
`

// chatOptions are the flags of `chat`.
type chatOptions struct {
	callOptions
	model, endpoint, system string
	noStream, asJSON        bool
}

func chatCommand() *command {
	return &command{name: "chat", usage: chatUsage, setup: func(fs *flag.FlagSet) runFunc {
		var o chatOptions
		o.declare(fs)
		fs.StringVar(&o.model, "model", "", "model")
		fs.StringVar(&o.endpoint, "endpoint", "", "endpoint")
		fs.StringVar(&o.system, "system", "", "system message")
		fs.BoolVar(&o.noStream, "no-stream", false, "whole answer")
		fs.BoolVar(&o.asJSON, "json", false, "print JSON")
		return func(ctx context.Context, std streams, args []string) error {
			if o.model == "" && o.endpoint == "" {
				return usagef("'backplane chat' needs -model NAME or -endpoint ID; 'backplane models' lists models")
			}
			s, err := newChatSession(&o, std)
			if err != nil {
				return err
			}
			question := strings.Join(args, " ")
			if question == "" && isTerminal(std.in) {
				return s.converse(ctx)
			}
			if question, err = withPiped(question, std.in); err != nil {
				return err
			}
			return s.once(ctx, question)
		}
	}}
}

// withPiped appends what is piped into the command to the question.
func withPiped(question string, stdin io.Reader) (string, error) {
	if !isPiped(stdin) {
		if question == "" {
			return "", usagef("'backplane chat' needs a text to send")
		}
		return question, nil
	}
	data, err := readInput("-", stdin)
	if err != nil {
		return "", err
	}
	text := strings.TrimRight(string(data), "\n")
	switch {
	case question == "" && strings.TrimSpace(text) == "":
		return "", usagef("'backplane chat' needs a text to send, and standard input is empty")
	case strings.TrimSpace(text) == "":
		return question, nil
	case question == "":
		return text, nil
	default:
		return question + "\n\n" + text, nil
	}
}

// isTerminal reports whether a stream is a terminal, with a person behind it.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && (isatty.IsTerminal(f.Fd()) || isatty.IsCygwinTerminal(f.Fd()))
}

// isPiped reports whether r is a pipe or a file, or not a file at all. A
// terminal is not read beside a question, nor is a socket or a device: nobody
// promises that they end.
func isPiped(r io.Reader) bool {
	f, ok := r.(*os.File)
	if !ok {
		return r != nil
	}
	info, err := f.Stat()
	return err == nil && (info.Mode().IsRegular() || info.Mode()&os.ModeNamedPipe != 0)
}

// userMessage makes a message of the person's.
func userMessage(text string) provider.Message {
	return provider.Message{Role: "user", Content: provider.TextContent(text)}
}
