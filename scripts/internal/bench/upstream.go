package main

import (
	"bytes"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// The fake upstream's answers are made once: what is measured is the way to it.
const (
	completion = `{"id":"chatcmpl-bench","object":"chat.completion","created":1700000000,"model":"mock","choices":[{"index":0,` +
		`"message":{"role":"assistant","content":"A fixed answer of about the length of a short reply, so that the cost of passing it on is that of a real one and the cost of making it is none at all.","refusal":null},` +
		`"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":19,"completion_tokens":48,"total_tokens":67,` +
		`"prompt_tokens_details":{"cached_tokens":0},"completion_tokens_details":{"reasoning_tokens":0}},"system_fingerprint":"fp_mock"}`
	chunkHead = `data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1700000000,"model":"mock",` +
		`"choices":[{"index":0,"delta":{"content":"`
	chunkTail = `"},"logprobs":null,"finish_reason":null}]}` + "\n\n"
	done      = "data: [DONE]\n\n"
)

// A stamped chunk says when it was written, in nanoseconds since 1970, which have
// as many digits until the year 2286.
const (
	stampBegin  = "written at "
	stampLength = 19
)

const (
	chunksPerStream      = 200
	chunksPerPacedStream = 50
	pace                 = 20 * time.Millisecond
	// lateBy is how long the upstream thinks about a request that should wait.
	lateBy = 3 * time.Second
)

// headLength is how much of a request the upstream looks at. The fields that it
// goes by come first in what the load generator sends.
const headLength = 512

var (
	chunk     = []byte(chunkHead + " token" + chunkTail)
	lastChunk = []byte(`data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1700000000,"model":"mock",` +
		`"choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}]}` + "\n\n")
	modelField = regexp.MustCompile(`"model":"([^"]*)"`)
	userField  = regexp.MustCompile(`"user":"([^"]*)"`)
	headPool   = sync.Pool{New: func() any { return new([headLength]byte) }}
)

// fakeUpstream plays OpenAI. The model's name chooses what it does:
//
//	mock        200 chunks as fast as they go, each flushed
//	mock-one    a single chunk, the one that ends the answer
//	mock-paced  50 chunks 20 ms apart, which say when they were written
//	mock-hold   a chunk, then silence until the client leaves
//	mock-drip   a chunk every 20 ms until the client leaves
//	mock-mute   not even a header until the client leaves
//	mock-late   an answer in one piece, after three seconds
//
// Any of them but the last answers in one piece unless a stream is asked for. What
// is asked for by a user is noted in watched, where the load generator looks.
func fakeUpstream(w http.ResponseWriter, r *http.Request) {
	if kind, id, ok := strings.Cut(strings.TrimPrefix(r.URL.Path, watchPath), "/"); ok && strings.HasPrefix(r.URL.Path, watchPath) {
		watched.answer(w, r, kind, id)
		return
	}
	head := headPool.Get().(*[headLength]byte)
	defer headPool.Put(head)
	n, _ := io.ReadFull(r.Body, head[:])
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return
	}
	model, stream := part(modelField, head[:n]), bytes.Contains(head[:n], []byte(`"stream":true`))
	if user := part(userField, head[:n]); user != "" {
		watched.note(arrived, user)
		defer watched.note(left, user)
	}
	switch {
	case model == "mock-mute":
		<-r.Context().Done()
	case stream:
		streamChunks(w, r, model)
	default:
		if model == "mock-late" {
			sleep(r.Context(), lateBy)
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", strconv.Itoa(len(completion)))
		_, _ = io.WriteString(w, completion) // the client's loss
	}
}

func part(field *regexp.Regexp, of []byte) string {
	if found := field.FindSubmatch(of); found != nil {
		return string(found[1])
	}
	return ""
}

func streamChunks(w http.ResponseWriter, r *http.Request, model string) {
	w.Header().Set("Content-Type", "text/event-stream")
	count, pause, text := chunksPerStream, time.Duration(0), func() []byte { return chunk }
	switch model {
	case "mock-one":
		count, text = 1, func() []byte { return lastChunk }
	case "mock-hold":
		count = 1
	case "mock-paced":
		count, pause, text = chunksPerPacedStream, pace, stamped
	case "mock-drip":
		count, pause = 1<<30, pace
	}
	controller := http.NewResponseController(w)
	for range count {
		if _, err := w.Write(text()); err != nil || r.Context().Err() != nil {
			return
		}
		_ = controller.Flush() // the next write says it too
		if pause > 0 {
			sleep(r.Context(), pause)
		}
	}
	switch model {
	case "mock-hold":
		<-r.Context().Done()
		return
	case "mock-one":
	default:
		_, _ = w.Write(lastChunk) // the next write says it too
	}
	_, _ = io.WriteString(w, done) // the client's loss
}

func stamped() []byte {
	return append(strconv.AppendInt([]byte(chunkHead+stampBegin), time.Now().UnixNano(), 10), chunkTail...)
}
