//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"
)

// chunkPause is the time between two words of a stream, here as in echo-slow.
const chunkPause = 50 * time.Millisecond

// serveUpstream serves the fake service until the program ends.
func serveUpstream() (addr string, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	server := &http.Server{Handler: http.HandlerFunc(sayBack), ReadHeaderTimeout: deadline}
	go func() { _ = server.Serve(l) }() // ends with the program
	return l.Addr().String(), nil
}

// sayBack plays OpenAI and answers with the last message: at once, or as a stream
// of its words.
func sayBack(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Stream   bool `json:"stream"`
		Messages []struct {
			Content string `json:"content"`
		} `json:"messages"`
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil || len(body.Messages) == 0 {
		http.Error(w, "bad request", http.StatusBadRequest)
		return
	}
	text := body.Messages[len(body.Messages)-1].Content
	if !body.Stream {
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"id":"c","object":"chat.completion","created":1,"model":"any","choices":[{"index":0,"message":{"role":"assistant","content":%q},"finish_reason":"stop"}]}`, text)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	send := func(delta, finish string) bool {
		_, err := fmt.Fprintf(w, `data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"any","choices":[{"index":0,"delta":%s,"finish_reason":%s}]}`+"\n\n", delta, finish)
		return err == nil && http.NewResponseController(w).Flush() == nil
	}
	for i, word := range strings.Fields(text) {
		if i > 0 {
			word = " " + word
		}
		time.Sleep(chunkPause)
		if !send(fmt.Sprintf(`{"content":%q}`, word), "null") {
			return
		}
	}
	if send("{}", `"stop"`) {
		_, _ = fmt.Fprint(w, "data: [DONE]\n\n")
	}
}
