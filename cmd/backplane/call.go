package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const callUsage = `Call any operation of an endpoint.

Usage:
  backplane call ENDPOINT OPERATION [-data JSON|@FILE|-] [-stream] [flags]

The body goes to the operation as it is, the answer to standard output. With
-stream each chunk of the answer is one line of JSON.

Example:
  $ backplane call echo embeddings -data '{"input":"hello"}'
  $ backplane call echo chat -stream -data '{"messages":[{"role":"user","content":"hi"}]}'
  $ backplane call openai audio.speech -data @speech.json -output speech.mp3

Flags:
  -data JSON           the body; @FILE reads a file, - standard input; default {}
  -stream              ask for a stream and print its chunks as they come
  -content-type TYPE   type of the body, default application/json
  -output FILE         write the answer to FILE; nothing is left of it after an error
  -timeout DURATION    time for the whole request, such as 30s; default the endpoint's
  -api-key-env NAME    key for this call, from a variable of the CLI
  -v                   print the answer's headers that Backplane sets
  -addr ADDR           address of the HTTP API (BACKPLANE_ADDR, http://127.0.0.1:8080)
`

// callOptions are the flags that `call` and `chat` share.
type callOptions struct {
	addr    *string
	timeout time.Duration
	keyEnv  string
	verbose bool
}

func (o *callOptions) declare(fs *flag.FlagSet) {
	o.addr = addrFlag(fs)
	fs.DurationVar(&o.timeout, "timeout", 0, "time for the request")
	fs.StringVar(&o.keyEnv, "api-key-env", "", "variable that holds the key")
	fs.BoolVar(&o.verbose, "v", false, "print headers")
}

// header makes the request header that the options ask for.
func (o *callOptions) header(contentType string) (http.Header, error) {
	h := http.Header{"Content-Type": {contentType}}
	if o.timeout < 0 {
		return nil, usagef("flag -timeout: %s is wrong: it must not be negative", o.timeout)
	}
	if o.timeout > 0 {
		h.Set("X-Backplane-Timeout", o.timeout.String())
	}
	key, err := keyFromVariable("api-key-env", o.keyEnv)
	if err != nil {
		return nil, err
	}
	if key != "" {
		h.Set("X-Backplane-Api-Key", key)
	}
	return h, nil
}

// story prints the headers in which the host says what happened.
func (o *callOptions) story(std streams, h http.Header) {
	if !o.verbose {
		return
	}
	for _, name := range []string{"X-Request-Id", "X-Backplane-Endpoint", "X-Backplane-Attempts", "Server-Timing"} {
		if v := h.Get(name); v != "" {
			std.say("%s: %s", strings.ToLower(name), v)
		}
	}
}

func callCommand() *command {
	return &command{name: "call", usage: callUsage, setup: func(fs *flag.FlagSet) runFunc {
		var o callOptions
		o.declare(fs)
		data := fs.String("data", "{}", "body")
		contentType := fs.String("content-type", "application/json", "type of the body")
		output := fs.String("output", "", "file")
		stream := fs.Bool("stream", false, "stream")
		return func(ctx context.Context, std streams, args []string) error {
			if err := wantArgs(fs, args, "the ID of an endpoint", "an operation"); err != nil {
				return err
			}
			body, err := callBody(*data, *contentType, *stream, std.in)
			if err != nil {
				return err
			}
			return o.call(ctx, std, callTarget{args[0], args[1], *contentType, *output}, body, *stream)
		}
	}}
}

type callTarget struct{ endpoint, operation, contentType, output string }

func (o *callOptions) call(ctx context.Context, std streams, t callTarget, body []byte, stream bool) error {
	header, err := o.header(t.contentType)
	if err != nil {
		return err
	}
	c, err := newClient(*o.addr, "addr")
	if err != nil {
		return err
	}
	ctx, stop := interruptible(ctx)
	defer stop()
	if stream {
		header.Set("Accept", "text/event-stream")
	}
	path := "/v1/endpoints/" + url.PathEscape(t.endpoint) + "/" + url.PathEscape(t.operation)
	resp, err := c.send(ctx, http.MethodPost, path, header, bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer closeBody(resp)
	o.story(std, resp.Header)
	return writeTo(t.output, std.out, func(out io.Writer) error {
		if stream && isEventStream(resp) {
			return eachEvent(ctx, resp.Body, func(data []byte) error {
				_, err := fmt.Fprintf(out, "%s\n", data)
				return err
			})
		}
		return copyAnswer(ctx, out, resp)
	})
}

// callBody reads the body that -data names, and asks for a stream in it.
func callBody(data, contentType string, stream bool, stdin io.Reader) ([]byte, error) {
	body := []byte(data)
	var err error
	switch {
	case data == "-":
		body, err = readInput("-", stdin)
	case strings.HasPrefix(data, "@"):
		body, err = readInput(data[1:], stdin)
	}
	if err != nil {
		return nil, err
	}
	if contentType != "application/json" {
		if stream {
			return nil, usagef("flag -stream needs a JSON body")
		}
		return body, nil
	}
	if !json.Valid(body) {
		return nil, usagef("flag -data: the body is not JSON; write -content-type if it need not be")
	}
	if !stream {
		return body, nil
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(body, &object); err != nil || object == nil {
		return nil, usagef("flag -data: the body must be a JSON object")
	}
	object["stream"] = json.RawMessage("true")
	return json.Marshal(object)
}

// copyAnswer writes the answer as it is; JSON without a line end gets one.
func copyAnswer(ctx context.Context, out io.Writer, resp *http.Response) error {
	last := &lastByte{w: out}
	if _, err := io.Copy(last, resp.Body); err != nil {
		if ctx.Err() != nil {
			return &codedError{exitInterrupted, ctx.Err()}
		}
		return fmt.Errorf("the answer was cut off: %w", plain(err))
	}
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")) // no type means no line end
	if kind == "application/json" && last.b != '\n' {
		_, err := io.WriteString(out, "\n")
		return err
	}
	return nil
}

// lastByte remembers the last byte written.
type lastByte struct {
	w io.Writer
	b byte
}

func (l *lastByte) Write(p []byte) (int, error) {
	n, err := l.w.Write(p)
	if n > 0 {
		l.b = p[n-1]
	}
	return n, err
}

// writeTo lets write fill the file name, or out if there is no name. After an
// error nothing is left of the file. A device or a pipe is written to as it is:
// nobody who names /dev/null wants it replaced by a file.
func writeTo(name string, out io.Writer, write func(io.Writer) error) (err error) {
	if name == "" {
		return write(out)
	}
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		f, err := os.OpenFile(name, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		return errors.Join(write(f), f.Close())
	}
	part, err := os.CreateTemp(filepath.Dir(name), ".backplane-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(part.Name()) // the first error is the one to tell
		}
	}()
	if err := write(part); err != nil {
		_ = part.Close() // as above
		return err
	}
	if err := part.Close(); err != nil {
		return err
	}
	return os.Rename(part.Name(), name)
}
