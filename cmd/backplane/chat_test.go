package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// fakeHost answers chats by what the last message says, and remembers requests.
type fakeHost struct {
	*httptest.Server
	requests []provider.ChatRequest
	headers  []http.Header
}

func startFakeHost(t *testing.T) *fakeHost {
	t.Helper()
	f := &fakeHost{}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	return f
}

func (f *fakeHost) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var req provider.ChatRequest
	if err := json.NewDecoder(r.Body).Decode(&req); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	f.requests, f.headers = append(f.requests, req), append(f.headers, r.Header)
	text := req.Messages[len(req.Messages)-1].Content.String()
	if text == "refuse" {
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(http.StatusTooManyRequests)
		_, _ = io.WriteString(w, `{"error":{"message":"slow down","type":"rate_limit_error","param":null,"code":"rate_limit"}}`)
		return
	}
	if text == "whole" && req.Stream {
		w.WriteHeader(http.StatusNotImplemented)
		_, _ = io.WriteString(w, `{"error":{"message":"cannot be streamed","type":"invalid_request_error","param":"stream","code":"unsupported"}}`)
		return
	}
	if !req.Stream {
		_, _ = fmt.Fprintf(w, `{"choices":[{"index":0,"message":{"role":"assistant","content":%q}}]}`, text)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	_, _ = io.WriteString(w, ": waiting\n\n")
	for _, word := range strings.SplitAfter(text, " ") {
		_, _ = fmt.Fprintf(w, "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":%q}}]}\n\n", word)
	}
	switch {
	case strings.HasSuffix(text, "break"):
		_, _ = io.WriteString(w, "data: {\"error\":{\"message\":\"it broke\",\"type\":\"server_error\",\"param\":null,\"code\":\"upstream\"}}\n\n")
	case !strings.HasSuffix(text, "cut"):
		_, _ = io.WriteString(w, "data: [DONE]\n\n")
	}
}

// chat runs one command line against the fake host.
func (f *fakeHost) chat(t *testing.T, stdin io.Reader, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, talk bytes.Buffer
	args = append([]string{"chat", "-addr", f.URL, "-model", "m"}, args...)
	code = run(t.Context(), args, stdin, &out, &talk)
	return code, out.String(), talk.String()
}

func TestChatPrintsTheAnswerAndNothingElse(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		args   []string
		stdin  io.Reader
		code   int
		stdout string
		stderr string
	}{
		"a stream":               {[]string{"hello", "there"}, nil, 0, "hello there\n", ""},
		"a whole answer":         {[]string{"-no-stream", "hello"}, nil, 0, "hello\n", ""},
		"a pipe":                 {nil, strings.NewReader("from a pipe\n"), 0, "from a pipe\n", ""},
		"a pipe and a text":      {[]string{"say:"}, strings.NewReader("this\n"), 0, "say:\n\nthis\n", ""},
		"an empty pipe":          {[]string{"say"}, strings.NewReader("\n"), 0, "say\n", ""},
		"chunks as JSON":         {[]string{"-json", "hi"}, nil, 0, `{"choices":[{"index":0,"delta":{"content":"hi"}}]}` + "\n", ""},
		"an answer as JSON":      {[]string{"-json", "-no-stream", "hi"}, nil, 0, `{"choices":[{"index":0,"message":{"role":"assistant","content":"hi"}}]}` + "\n", ""},
		"nothing to say":         {nil, strings.NewReader(""), 2, "", "backplane: 'backplane chat' needs a text to send, and standard input is empty\n"},
		"a refusal":              {[]string{"refuse"}, nil, 4, "", "backplane: rate_limit (HTTP 429): slow down; try again in 7 s\n"},
		"an error in the stream": {[]string{"half break"}, nil, 4, "half break\n", "backplane: upstream: it broke\n"},
		"a stream cut off":       {[]string{"half cut"}, nil, 4, "half cut\n", "backplane: the answer was cut off: the host closed the stream before its end\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, stdout, stderr := startFakeHost(t).chat(t, test.stdin, test.args...)
			if code != test.code || stdout != test.stdout || stderr != test.stderr {
				t.Errorf("got %d, %q, %q", code, stdout, stderr)
			}
		})
	}
}

func TestChatTakesAWholeAnswerWhereThereIsNoStream(t *testing.T) {
	t.Parallel()
	f := startFakeHost(t)
	code, stdout, stderr := f.chat(t, nil, "whole")
	if code != exitOK || stdout != "whole\n" || stderr != "(m does not stream; the answer comes as a whole)\n" {
		t.Errorf("exit code %d, %q, %q", code, stdout, stderr)
	}
	if n := len(f.requests); n != 2 || len(f.requests[1].Messages) != 1 {
		t.Errorf("%d requests: %+v", n, f.requests)
	}
}

func TestConversationKeepsItsHistory(t *testing.T) {
	t.Parallel()
	f := startFakeHost(t)
	var out, talk bytes.Buffer
	addr := f.URL
	o := &chatOptions{model: "m", system: "be brief"}
	o.addr = &addr
	s, err := newChatSession(o, streams{
		in:  strings.NewReader("one\n\nrefuse\n/nope\nhalf cut\ntwo\n/clear\nthree\n/exit\nnever\n"),
		out: &out, err: &talk,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.converse(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, want := out.String(), "one\nhalf cut\ntwo\nthree\n"; got != want {
		t.Errorf("answers %q, want %q", got, want)
	}
	for _, want := range []string{"slow down", "/nope is not known", "cut off", "Forgotten."} {
		if !strings.Contains(talk.String(), want) {
			t.Errorf("no %q in %q", want, talk.String())
		}
	}
	var seen []string
	for _, r := range f.requests {
		var line []string
		for _, m := range r.Messages {
			line = append(line, m.Role+":"+m.Content.String())
		}
		seen = append(seen, strings.Join(line, " "))
	}
	want := []string{
		"system:be brief user:one",
		"system:be brief user:one assistant:one user:refuse",
		"system:be brief user:one assistant:one user:half cut",
		"system:be brief user:one assistant:one user:half cut assistant:half cut user:two",
		"system:be brief user:three",
	}
	if strings.Join(seen, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(seen, "\n"), strings.Join(want, "\n"))
	}
}

func TestConversationEndsWhenTheHostIsGone(t *testing.T) {
	t.Parallel()
	f := startFakeHost(t)
	f.Close()
	o := &chatOptions{model: "m"}
	o.addr = &f.URL
	var out, talk bytes.Buffer
	s, err := newChatSession(o, streams{in: strings.NewReader("one\ntwo\n"), out: &out, err: &talk})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.converse(t.Context()); exitCode(err) != exitNoHost {
		t.Errorf("got %v", err)
	}
}

func TestChatSendsTheHeadersOfItsFlags(t *testing.T) {
	t.Setenv("CHAT_KEY", "sk-test")
	f := startFakeHost(t)
	code, _, stderr := f.chat(t, nil, "-endpoint", "fast", "-timeout", "3s", "-api-key-env", "CHAT_KEY", "hi")
	if code != 0 {
		t.Fatal(stderr)
	}
	for name, want := range map[string]string{
		"X-Backplane-Endpoint": "fast", "X-Backplane-Timeout": "3s", "X-Backplane-Api-Key": "sk-test", "Authorization": "",
	} {
		if got := f.headers[0].Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

// failingWriter is a standard output that is full.
type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestAnAnswerThatCannotBeWrittenIsAFailure(t *testing.T) {
	t.Parallel()
	f := startFakeHost(t)
	var talk bytes.Buffer
	code := run(t.Context(), []string{"chat", "-addr", f.URL, "-model", "m", "hi"}, nil, failingWriter{}, &talk)
	if code != exitFailed || !strings.Contains(talk.String(), "no space left") {
		t.Errorf("got %d, %q", code, talk.String())
	}
}

func TestTerminalsDoNotObeyTheModel(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	p := &answerPrinter{out: &out, harmless: true}
	if err := p.chunk([]byte(`{"choices":[{"delta":{"content":"a\u001b[31mb\tc\r\u0007\nü"}}]}`)); err != nil {
		t.Fatal(err)
	}
	if got, want := out.String(), "a[31mb\tc\nü"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
