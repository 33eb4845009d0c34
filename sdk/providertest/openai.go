package providertest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// Fields that the fake service adds to its answers and the kit to its requests.
// The number does not fit into a float64: a provider that decodes into
// interfaces would round it.
const (
	unknownField = "x_kit_field"
	unknownValue = `{"n":12345678901234567890,"text":"ünknown","list":[1.50,null]}`
)

// streamErrorText is the message of the error that the fake service puts into a
// stream that answered with 200.
const streamErrorText = "the kit's service failed in mid-stream"

// openAIBody is the part of a request that the fake service looks at.
type openAIBody struct {
	Model    string          `json:"model"`
	Stream   bool            `json:"stream"`
	Input    json.RawMessage `json:"input"`
	Prompt   json.RawMessage `json:"prompt"`
	Encoding string          `json:"encoding_format"`
	Messages []struct {
		Content json.RawMessage `json:"content"`
	} `json:"messages"`
	StreamOptions struct {
		IncludeUsage bool `json:"include_usage"`
	} `json:"stream_options"`
}

// said is the text that the answer repeats, so that answers can be told apart.
func (b openAIBody) said() string {
	raw := b.Prompt
	if n := len(b.Messages); n > 0 {
		raw = b.Messages[n-1].Content
	}
	var text string
	if json.Unmarshal(raw, &text) != nil {
		return "ok"
	}
	const longest = 200 // large prompts are not said back
	return text[:min(len(text), longest)]
}

// serveOpenAI answers as OpenAI would, with made-up contents.
func serveOpenAI(w http.ResponseWriter, r *http.Request) {
	data, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	var body openAIBody
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		_ = json.Unmarshal(data, &body) // not JSON: an empty body
	}
	w.Header().Set("X-Request-Id", "req-kit")
	path := strings.TrimPrefix(r.URL.Path, "/v1")
	switch {
	case path == "/chat/completions" && body.Stream:
		streamOpenAI(w, body, "chat.completion.chunk", chatDelta)
	case path == "/completions" && body.Stream:
		streamOpenAI(w, body, "text_completion", completionDelta)
	case path == "/responses" && body.Stream:
		streamResponses(w, body)
	case strings.HasPrefix(path, "/audio/speech"), strings.HasSuffix(path, "/content"):
		w.Header().Set("Content-Type", "application/octet-stream")
		_, _ = w.Write([]byte("the kit's bytes")) // a failure is seen by the reader
	default:
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, answerOpenAI(path, body)) // as above
	}
}

// answerOpenAI is the body of an answer that is not streamed.
func answerOpenAI(path string, body openAIBody) string {
	text, model := quote(body.said()), quote(body.Model)
	const usage = `"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}`
	const extra = `"` + unknownField + `":` + unknownValue
	switch path {
	case "/chat/completions":
		return `{"id":"chatcmpl-kit","object":"chat.completion","created":1700000000,"model":` + model +
			`,"choices":[{"index":0,"message":{"role":"assistant","content":` + text + `,"refusal":null},"logprobs":null,"finish_reason":"stop"}],` +
			usage + `,` + extra + `}`
	case "/completions":
		return `{"id":"cmpl-kit","object":"text_completion","created":1700000000,"model":` + model +
			`,"choices":[{"index":0,"text":` + text + `,"logprobs":null,"finish_reason":"stop"}],` + usage + `,` + extra + `}`
	case "/embeddings":
		vector := `[0.5,-0.5]`
		if body.Encoding == "base64" {
			vector = `"AAAAPwAAAL8="`
		}
		return `{"object":"list","model":` + model +
			`,"data":[{"object":"embedding","index":0,"embedding":` + vector + `}],"usage":{"prompt_tokens":3,"total_tokens":3},` + extra + `}`
	case "/models":
		return `{"object":"list","data":[{"id":"kit-model","object":"model","created":1700000000,"owned_by":"kit"}],` + extra + `}`
	case "/rerank":
		return `{"id":"rerank-kit","model":` + model + `,"results":[{"index":0,"relevance_score":0.5}],` + extra + `}`
	case "/responses":
		return responseObject(body, "completed")
	case "/moderations":
		return `{"id":"modr-kit","model":` + model + `,"results":[{"flagged":false,"categories":{},"category_scores":{}}],` + extra + `}`
	case "/images/generations", "/images/edits":
		return `{"created":1700000000,"data":[{"b64_json":"AA=="}],` + extra + `}`
	default:
		return `{"id":"kit","object":"kit","text":"ok","status":"completed","deleted":true,"data":[],` + extra + `}`
	}
}

func chatDelta(text string, end bool) string {
	if end {
		return `{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}`
	}
	return `{"index":0,"delta":{"role":"assistant","content":` + quote(text) + `},"logprobs":null,"finish_reason":null}`
}

func completionDelta(text string, end bool) string {
	if end {
		return `{"index":0,"text":"","logprobs":null,"finish_reason":"stop"}`
	}
	return `{"index":0,"text":` + quote(text) + `,"logprobs":null,"finish_reason":null}`
}

// streamOpenAI writes a stream of chunks, each flushed.
func streamOpenAI(w http.ResponseWriter, body openAIBody, kind string, choice func(string, bool) string) {
	w.Header().Set("Content-Type", "text/event-stream")
	send := func(choices, rest string) {
		_, _ = fmt.Fprintf(w, "data: {\"id\":\"kit\",\"object\":%q,\"created\":1700000000,\"model\":%s,\"choices\":[%s]%s,%q:%s}\n\n",
			kind, quote(body.Model), choices, rest, unknownField, unknownValue) // a failure is seen by the reader
		_ = http.NewResponseController(w).Flush() // as above
	}
	for _, word := range strings.SplitAfter(body.said(), " ") {
		send(choice(word, false), "")
	}
	send(choice("", true), "")
	if body.StreamOptions.IncludeUsage {
		send("", `,"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}`)
	}
	_, _ = io.WriteString(w, "data: [DONE]\n\n") // as above
}

// streamResponses writes a stream of the responses operation, whose events are
// named and whose end is an event of its own.
func streamResponses(w http.ResponseWriter, body openAIBody) {
	w.Header().Set("Content-Type", "text/event-stream")
	send := func(name, rest string) {
		_, _ = fmt.Fprintf(w, "event: %s\ndata: {\"type\":%q,%s}\n\n", name, name, rest) // a failure is seen by the reader
		_ = http.NewResponseController(w).Flush()                                        // as above
	}
	send("response.created", `"sequence_number":0,"response":`+responseObject(body, "in_progress"))
	send("response.output_text.delta", `"sequence_number":1,"item_id":"msg-kit","output_index":0,"content_index":0,"delta":"ok"`)
	send("response.completed", `"sequence_number":2,"response":`+responseObject(body, "completed"))
}

func responseObject(body openAIBody, status string) string {
	return `{"id":"resp-kit","object":"response","created_at":1700000000,"status":"` + status + `","model":` + quote(body.Model) +
		`,"output":[{"type":"message","id":"msg-kit","status":"completed","role":"assistant","content":[{"type":"output_text","text":"ok","annotations":[]}]}],` +
		`"usage":{"input_tokens":3,"output_tokens":2,"total_tokens":5},"` + unknownField + `":` + unknownValue + `}`
}

func quote(s string) string {
	data, _ := json.Marshal(s) // a string always encodes
	return string(data)
}
