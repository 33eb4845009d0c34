//go:build unix

package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
)

// This test is not parallel: it sends a signal to the whole process.
func TestCtrlCStopsTheAnswerAndNotTheConversation(t *testing.T) {
	canceled := make(chan struct{})
	questions := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		questions++
		_, _ = io.Copy(io.Discard, r.Body) // until it is read, net/http does not look for the caller's leaving
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: {\"choices\":[{\"delta\":{\"content\":\"word\"}}]}\n\n")
		if questions > 1 {
			_, _ = io.WriteString(w, "data: [DONE]\n\n")
			return
		}
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		close(canceled)
	}))
	defer server.Close()
	o := &chatOptions{model: "m"}
	o.addr = &server.URL
	var talk bytes.Buffer
	out := &interruptingWriter{}
	s, err := newChatSession(o, streams{in: strings.NewReader("one\ntwo\n"), out: out, err: &talk})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.converse(t.Context()); err != nil {
		t.Fatal(err)
	}
	<-canceled
	if got, want := string(out.text), "word\nword\n"; got != want {
		t.Errorf("answers %q, want %q", got, want)
	}
	if !strings.Contains(talk.String(), "(stopped)") {
		t.Errorf("no word about the stop in %q", talk.String())
	}
}

// interruptingWriter is a terminal at which somebody presses Ctrl-C as soon as
// the first answer appears.
type interruptingWriter struct {
	text []byte
}

func (w *interruptingWriter) Write(p []byte) (int, error) {
	if len(w.text) == 0 {
		if err := syscall.Kill(syscall.Getpid(), syscall.SIGINT); err != nil {
			return 0, err
		}
	}
	w.text = append(w.text, p...)
	return len(p), nil
}
