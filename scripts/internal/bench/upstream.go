package main

import (
	"bytes"
	"net/http"
	"strconv"
	"time"
)

// The fake upstream's answers are made once: what is measured is the way to it.
const (
	completion = `{"id":"chatcmpl-bench","object":"chat.completion","created":1700000000,"model":"mock","choices":[{"index":0,` +
		`"message":{"role":"assistant","content":"A fixed answer of about the length of a short reply, so that the cost of passing it on is that of a real one and the cost of making it is none at all.","refusal":null},` +
		`"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":19,"completion_tokens":48,"total_tokens":67,` +
		`"prompt_tokens_details":{"cached_tokens":0},"completion_tokens_details":{"reasoning_tokens":0}},"system_fingerprint":"fp_mock"}`
	chunk = `data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1700000000,"model":"mock",` +
		`"choices":[{"index":0,"delta":{"content":" token"},"logprobs":null,"finish_reason":null}]}` + "\n\n"
	lastChunk = `data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1700000000,"model":"mock",` +
		`"choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}]}` + "\n\n"
	done = "data: [DONE]\n\n"
)

// chunksPerStream is the length of a stream of model "mock".
const chunksPerStream = 200

// fakeUpstream plays OpenAI. The model's name chooses the stream: "mock" sends
// 200 chunks at once, each flushed; "mock-one" a single chunk; "mock-paced" 50
// chunks 20 ms apart; "mock-hold" one chunk, then silence until the client leaves.
func fakeUpstream(w http.ResponseWriter, r *http.Request) {
	var body bytes.Buffer
	if _, err := body.ReadFrom(r.Body); err != nil {
		return
	}
	if !bytes.Contains(body.Bytes(), []byte(`"stream":true`)) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", strconv.Itoa(len(completion)))
		_, _ = w.Write([]byte(completion))
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	count, pause := chunksPerStream, time.Duration(0)
	switch {
	case bytes.Contains(body.Bytes(), []byte(`"mock-one"`)):
		count = 1
	case bytes.Contains(body.Bytes(), []byte(`"mock-paced"`)):
		count, pause = 50, 20*time.Millisecond
	case bytes.Contains(body.Bytes(), []byte(`"mock-hold"`)):
		count = 1
		defer func() { <-r.Context().Done() }()
	}
	flusher := http.NewResponseController(w)
	for range count {
		if _, err := w.Write([]byte(chunk)); err != nil {
			return
		}
		_ = flusher.Flush()
		if pause > 0 {
			time.Sleep(pause)
		}
	}
	if !bytes.Contains(body.Bytes(), []byte(`"mock-hold"`)) {
		_, _ = w.Write([]byte(lastChunk + done))
	}
}
