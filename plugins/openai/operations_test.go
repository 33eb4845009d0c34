package main

import (
	"bytes"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
)

const (
	form = "--b0und\r\nContent-Disposition: form-data; name=\"%FILE%\"; filename=\"a.%EXT%\"\r\nContent-Type: %TYPE%\r\n\r\nbytes\r\n" +
		"--b0und\r\nContent-Disposition: form-data; name=\"%NAME%\"\r\n\r\n%VALUE%\r\n--b0und--\r\n"
	formType = "multipart/form-data; boundary=b0und"
)

func formOf(file, extension, kind, name, value string) []byte {
	return []byte(strings.NewReplacer("%FILE%", file, "%EXT%", extension, "%TYPE%", kind, "%NAME%", name, "%VALUE%", value).Replace(form))
}

// sample is one call of an operation and what must come of it.
type sample struct {
	op     string
	mode   provider.Mode
	body   string
	upload []byte // a form
	line   string // method and path of the request
	answer string // a file in testdata, or the bytes themselves
	finish string
	usage  *provider.Usage
}

var chatUsage = &provider.Usage{Input: 9, Output: 3, Total: 12, Cached: 4, Reasoning: 1}

const conversation = `"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":[{"type":"text","text":"Hello"},{"type":"image_url","image_url":{"url":"https://example.com/a.png","detail":"low"}}]}]`

// samples has every declared operation in every declared mode.
var samples = []sample{
	{
		op: provider.OpChat, mode: provider.ModeCall, line: "POST /chat/completions", answer: "answers/chat.json", finish: "stop", usage: chatUsage,
		body: `{"model":"gpt-4o-mini",` + conversation + `,"temperature":0,"top_p":0.5,"n":1,"stop":["END"],"seed":7,"max_completion_tokens":5,"response_format":{"type":"json_object"},"user":"u","service_tier":"auto"}`,
	},
	{
		op: provider.OpChat, mode: provider.ModeStream, line: "POST /chat/completions", answer: "streams/chat.sse", finish: "stop", usage: chatUsage,
		body: `{"model":"gpt-4o-mini",` + conversation + `}`,
	},
	{
		op: provider.OpCompletions, mode: provider.ModeCall, line: "POST /completions", answer: "answers/completions.json", finish: "length",
		usage: &provider.Usage{Input: 5, Output: 1, Total: 6}, body: `{"model":"gpt-3.5-turbo-instruct","prompt":"Hello","max_tokens":1}`,
	},
	{
		op: provider.OpCompletions, mode: provider.ModeStream, line: "POST /completions", answer: "streams/completions.sse", finish: "stop",
		usage: &provider.Usage{Input: 5, Output: 2, Total: 7}, body: `{"model":"gpt-3.5-turbo-instruct","prompt":["Hello"]}`,
	},
	{
		op: provider.OpResponses, mode: provider.ModeCall, line: "POST /responses", answer: "answers/responses.json", finish: "stop", usage: chatUsage,
		body: `{"model":"gpt-4o-mini","input":[{"type":"message","role":"user","content":"Hello"}],"tools":[{"type":"web_search_preview"}],"store":false}`,
	},
	{
		op: provider.OpResponses, mode: provider.ModeStream, line: "POST /responses", answer: "streams/responses.sse", finish: "stop", usage: chatUsage,
		body: `{"model":"gpt-4o-mini","input":"Hello"}`,
	},
	{
		op: provider.OpEmbeddings, mode: provider.ModeCall, line: "POST /embeddings", answer: "answers/embeddings.json",
		usage: &provider.Usage{Input: 8, Total: 8}, body: `{"input":["a","b"],"encoding_format":"float","dimensions":3}`,
	},
	{
		op: provider.OpModerations, mode: provider.ModeCall, line: "POST /moderations", answer: "answers/moderations.json",
		body: `{"input":[{"type":"text","text":"kind words"}]}`,
	},
	{
		op: provider.OpImagesGenerate, mode: provider.ModeCall, line: "POST /images/generations", answer: "answers/images.json",
		usage: &provider.Usage{Input: 50, Output: 50, Total: 100}, body: `{"prompt":"A cat","n":1,"size":"1024x1024","quality":"high"}`,
	},
	{
		op: provider.OpImagesGenerate, mode: provider.ModeStream, line: "POST /images/generations", answer: "streams/images.sse",
		usage: &provider.Usage{Input: 50, Output: 50, Total: 100}, body: `{"prompt":"A cat","partial_images":1}`,
	},
	{
		op: provider.OpImagesEdit, mode: provider.ModeTransfer, line: "POST /images/edits", answer: "answers/images.json",
		usage: &provider.Usage{Input: 50, Output: 50, Total: 100}, body: `{"model":"gpt-image-1"}`, upload: formOf("image", "png", "image/png", "prompt", "A hat on it"),
	},
	{
		op: provider.OpAudioSpeech, mode: provider.ModeTransfer, line: "POST /audio/speech", answer: string(speech),
		body: `{"input":"Hello","voice":"alloy","response_format":"mp3","speed":1.5}`,
	},
	{
		op: provider.OpAudioTranscription, mode: provider.ModeTransfer, line: "POST /audio/transcriptions", answer: "answers/transcription.json",
		usage: &provider.Usage{Input: 14, Output: 45, Total: 59}, body: `{}`, upload: formOf("file", "mp3", "audio/mpeg", "language", "en"),
	},
	{
		op: provider.OpAudioTranslation, mode: provider.ModeTransfer, line: "POST /audio/translations", answer: "answers/translation.json",
		body: `{"model":"whisper-1"}`, upload: formOf("file", "mp3", "audio/mpeg", "model", "whisper-1"),
	},
	{
		op: provider.OpFilesUpload, mode: provider.ModeTransfer, line: "POST /files", answer: "answers/file.json",
		body: `{}`, upload: formOf("file", "jsonl", "application/jsonl", "purpose", "batch"),
	},
	{op: provider.OpFilesList, mode: provider.ModeCall, line: "GET /files?limit=2&order=desc&purpose=batch", answer: "answers/files.json", body: `{"purpose":"batch","limit":2,"order":"desc"}`},
	{op: provider.OpFilesGet, mode: provider.ModeCall, line: "GET /files/file-1", answer: "answers/file.json", body: `{"file_id":"file-1"}`},
	{op: provider.OpFilesContent, mode: provider.ModeTransfer, line: "GET /files/file-1/content", answer: string(fileContent), body: `{"file_id":"file-1"}`},
	{op: provider.OpFilesDelete, mode: provider.ModeCall, line: "DELETE /files/file-1", answer: "answers/deleted.json", body: `{"file_id":"file-1"}`},
	{
		op: provider.OpBatchesCreate, mode: provider.ModeCall, line: "POST /batches", answer: "answers/batch.json",
		body: `{"input_file_id":"file-1","endpoint":"/v1/chat/completions","completion_window":"24h","metadata":{"k":"v"}}`,
	},
	{op: provider.OpBatchesList, mode: provider.ModeCall, line: "GET /batches?after=batch_0&limit=5", answer: "answers/batches.json", body: `{"after":"batch_0","limit":5}`},
	{op: provider.OpBatchesGet, mode: provider.ModeCall, line: "GET /batches/batch_1", answer: "answers/batch.json", body: `{"batch_id":"batch_1"}`},
	{op: provider.OpBatchesCancel, mode: provider.ModeCall, line: "POST /batches/batch_1/cancel", answer: "answers/batch.json", body: `{"batch_id":"batch_1"}`},
	{op: provider.OpModels, mode: provider.ModeCall, line: "GET /models", answer: "answers/models.json", body: `{}`},
}

func TestEveryOperationSpeaksWithThePlatform(t *testing.T) {
	t.Parallel()
	for _, s := range samples {
		t.Run(s.op+" "+string(s.mode), func(t *testing.T) {
			t.Parallel()
			p := newPlatform(t)
			conn := open(t, p.url, nil)
			req := request(s.op, s.body)
			var meta provider.Meta
			var got []byte
			switch s.mode {
			case provider.ModeCall:
				resp, err := conn.Call(t.Context(), req)
				if err != nil {
					t.Fatal(err)
				}
				meta, got = resp.Meta, resp.Body
			case provider.ModeStream:
				all, err := stream(t, conn, req)
				if err != nil {
					t.Fatal(err)
				}
				meta, got = *all.meta, []byte(strings.Join(all.chunks, "\n"))
				meta.FinishReason, meta.Usage = all.finish.Reason, all.finish.Usage
			case provider.ModeTransfer:
				meta, got = transfer(t, p, s)
			}
			s.check(t, meta, got)
			if sent := <-p.requests; sent.method+" "+sent.path != s.line {
				t.Errorf("sent %s %s, want %s", sent.method, sent.path, s.line)
			}
		})
	}
}

// transfer runs a sample of mode transfer.
func transfer(t *testing.T, p *platform, s sample) (provider.Meta, []byte) {
	t.Helper()
	req := &provider.TransferRequest{Request: *request(s.op, s.body)}
	if s.upload != nil {
		req.Data, req.DataType, req.DataLength = bytes.NewReader(s.upload), formType, int64(len(s.upload))
	}
	resp, err := open(t, p.url, nil).Transfer(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	meta := resp.Meta
	if resp.Finish != nil {
		meta.Usage = resp.Finish.Usage
	}
	return meta, got
}

// check compares the answer and what was reported with the sample.
func (s sample) check(t *testing.T, meta provider.Meta, got []byte) {
	t.Helper()
	want := []byte(s.answer)
	if strings.HasPrefix(s.answer, "answers/") || strings.HasPrefix(s.answer, "streams/") {
		want = testdata(t, s.answer)
	}
	if s.mode == provider.ModeStream {
		want = []byte(strings.Join(chunksOf(want), "\n"))
	}
	if !bytes.Equal(got, want) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if meta.FinishReason != s.finish || !reflect.DeepEqual(meta.Usage, s.usage) {
		t.Errorf("reported %q and %+v, want %q and %+v", meta.FinishReason, meta.Usage, s.finish, s.usage)
	}
	limits := []provider.RateLimit{{Meter: "requests", Limit: 5000, Remaining: 4999, Reset: 12 * time.Millisecond}}
	if meta.Status != 200 || meta.RequestID != "req_platform" || meta.Header["openai-processing-ms"] != "42" || !slices.Equal(meta.RateLimits, limits) {
		t.Errorf("reported %+v", meta)
	}
}

// chunksOf returns the chunks of a recorded stream that a caller gets who did
// not ask for usage.
func chunksOf(recorded []byte) []string {
	var chunks []string
	for line := range strings.SplitSeq(string(recorded), "\n") {
		chunk, ok := strings.CutPrefix(line, "data: ")
		if ok && chunk != "[DONE]" && !strings.Contains(chunk, `"choices":[]`) {
			chunks = append(chunks, chunk)
		}
	}
	return chunks
}

func TestEveryDeclaredOperationHasASample(t *testing.T) {
	t.Parallel()
	declared := New().Describe().Operations
	for _, op := range declared {
		for _, mode := range op.Modes {
			if !slices.ContainsFunc(samples, func(s sample) bool { return s.op == op.Name && s.mode == mode }) {
				t.Errorf("operation %q in mode %q is declared and not tried", op.Name, mode)
			}
		}
	}
}
