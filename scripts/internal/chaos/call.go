//go:build linux

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
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"time"
)

// ending is how a request ended for its caller.
type ending string

const (
	served ending = "served" // whole and right
	failed ending = "failed" // with an error that says so
	cut    ending = "cut"    // a stream that stopped without a word
	none   ending = "none"   // no answer at all
	hung   ending = "hung"   // not within its deadline, and a while more
	wrong  ending = "wrong"  // other text than was due, or more than one answer
)

// answer is what became of one request.
type answer struct {
	Provider, Endpoint string
	Stream             bool
	Begin, End         time.Time
	// Sent is when the request had left, zero if it never did.
	Sent  time.Time
	Stall time.Duration // the longest time without a sign
	How   ending
	// Cause is the code of an error, Detail its text or what was wrong.
	Cause, Detail string
}

// question is one request to make.
type question struct {
	provider, endpoint string
	stream             bool
	prompt             string
}

// ask makes a request and looks at the answer.
func ask(client *http.Client, base string, q question) (a answer) {
	a = answer{Provider: q.provider, Endpoint: q.endpoint, Stream: q.stream, Begin: time.Now()}
	limit := deadline + patience
	if q.stream {
		limit += time.Duration(len(strings.Fields(q.prompt))) * chunkPause
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	// The client may write on after the answer has come.
	var sent atomic.Pointer[time.Time]
	a.read(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteRequest: func(i httptrace.WroteRequestInfo) {
		if now := time.Now(); i.Err == nil {
			sent.Store(&now)
		}
	}}), client, base, q)
	if at := sent.Load(); at != nil {
		a.Sent = *at
	}
	if ctx.Err() != nil {
		a.How, a.Detail = hung, a.Detail+" after "+limit.String()
	}
	a.End = time.Now()
	if !q.stream {
		a.Stall = a.End.Sub(a.Begin)
	}
	return a
}

// read sends the request and reads the answer.
func (a *answer) read(ctx context.Context, client *http.Client, base string, q question) {
	body, err := json.Marshal(map[string]any{
		"model": q.endpoint, "stream": q.stream,
		"messages": []map[string]string{{"role": "user", "content": q.prompt}},
	})
	if err != nil {
		a.end(none, "request", err)
		return
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/v1/chat/completions", bytes.NewReader(body))
	if err != nil {
		a.end(none, "request", err)
		return
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		a.end(none, "connection", err)
		return
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode >= http.StatusBadRequest:
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			a.end(none, "connection", err)
			return
		}
		e := errorOf(text)
		a.end(failed, e.Code, errors.New(e.Message))
	case q.stream:
		a.readStream(resp.Body, q.prompt)
	default:
		a.readWhole(resp.Body, q.prompt)
	}
}

func (a *answer) end(how ending, cause string, detail error) {
	a.How, a.Cause, a.Detail = how, cause, fmt.Sprint(detail)
}

// readWhole demands one JSON document with the prompt's text.
func (a *answer) readWhole(body io.Reader, prompt string) {
	data, err := io.ReadAll(body)
	if err != nil {
		a.end(none, "connection", err)
		return
	}
	var completion struct {
		Choices []struct {
			Message struct {
				Content string `json:"content"`
			} `json:"message"`
		} `json:"choices"`
	}
	switch err := json.Unmarshal(data, &completion); {
	case err != nil:
		a.end(wrong, "text", fmt.Errorf("the answer is not one document: %w: %.200q", err, data))
	case len(completion.Choices) != 1 || completion.Choices[0].Message.Content != prompt:
		a.end(wrong, "text", fmt.Errorf("the answer to %q is %.200q", prompt, data))
	default:
		a.How = served
	}
}

// readStream demands the prompt's words in order, one end, and nothing after it.
func (a *answer) readStream(body io.Reader, prompt string) {
	var text strings.Builder
	ended := false
	last := a.Begin
	lines := bufio.NewScanner(body)
	for lines.Scan() {
		a.Stall, last = max(a.Stall, time.Since(last)), time.Now()
		data, found := strings.CutPrefix(lines.Text(), "data: ")
		if !found {
			continue
		}
		if ended {
			a.end(wrong, "text", fmt.Errorf("after its end the stream goes on with %.200q", data))
			return
		}
		ended = a.take(data, &text)
	}
	switch got := text.String(); {
	case a.How == wrong:
	case a.How == failed && !isStart(got, prompt):
		a.end(wrong, "text", fmt.Errorf("before its error the stream said %q instead of the start of %q", got, prompt))
	case a.How == failed:
	case !ended:
		a.end(cut, "connection", fmt.Errorf("no end after %q: %w", got, orEOF(lines.Err())))
	case got != prompt:
		a.end(wrong, "text", fmt.Errorf("the stream said %q instead of %q", got, prompt))
	default:
		a.How = served
	}
}

// take reads one event and reports whether it is the last.
func (a *answer) take(data string, text *strings.Builder) (last bool) {
	if data == "[DONE]" {
		return true
	}
	var chunk struct {
		Error   *apiError `json:"error"`
		Choices []struct {
			Delta struct {
				Content string `json:"content"`
			} `json:"delta"`
		} `json:"choices"`
	}
	if err := json.Unmarshal([]byte(data), &chunk); err != nil {
		a.end(wrong, "text", fmt.Errorf("an event is not JSON: %.200q", data))
		return true
	}
	if chunk.Error != nil {
		a.end(failed, chunk.Error.Code, errors.New(chunk.Error.Message))
		return true
	}
	for _, choice := range chunk.Choices {
		text.WriteString(choice.Delta.Content)
	}
	return false
}

// isStart reports whether got is the first words of all.
func isStart(got, all string) bool {
	rest, ok := strings.CutPrefix(all, got)
	return ok && (got == "" || rest == "" || strings.HasPrefix(rest, " "))
}

func orEOF(err error) error {
	if err == nil {
		return io.EOF
	}
	return err
}
