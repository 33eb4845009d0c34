package openaicompat

import (
	"github.com/backplane-dev/backplane/sdk/openaicompat/internal/jsonscan"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// facts are what is looked up in an answer or in a chunk of a stream.
type facts struct {
	// JSON values as they stand; of most chunks they are not wanted. kind is the
	// "type" of a named event, object and status tell of a response.
	kind, id, model, object, status []byte

	finish string
	usage  provider.Usage
	// used is true if the usage was reported.
	used bool
	// failed is true if the object reports an error; result, if it holds what
	// an answer consists of, beside which an "error" is a field like any other.
	failed, result bool
	// choices is true if there is any.
	choices bool
	// inner is the "response" object of an event, or nil.
	inner []byte
}

// readFacts looks up the facts in a JSON object. Everything else is skipped.
func readFacts(data []byte) (facts, error) {
	var f facts
	o := jsonscan.NewObject(data)
	for o.Next() {
		f.member(o.Key(), o.Value())
	}
	if len(data) == 0 {
		return f, errEmpty
	}
	if f.finish == "" && string(f.object) == `"response"` && string(f.status) == `"completed"` {
		f.finish = "stop"
	}
	return f, o.Err()
}

func (f *facts) member(key, value []byte) {
	switch string(key) {
	case "type":
		f.kind = value
	case "id":
		f.id = value
	case "model":
		f.model = value
	case "usage":
		f.usage, f.used = readUsage(value)
	case "error":
		f.failed = truthy(value)
	case "choices":
		f.result = true
		f.readChoices(value)
	case "object":
		f.result, f.object = true, value
	case "data", "output", "results":
		f.result = true
	case "status":
		f.status = value
	case "incomplete_details":
		f.readIncomplete(value)
	case "response":
		f.inner = value
	case "x_groq":
		f.readGroq(value)
	}
}

// readChoices looks for the first finish reason that is set.
func (f *facts) readChoices(raw []byte) {
	choices := jsonscan.NewArray(raw)
	var choice jsonscan.Object
	for f.finish == "" && choices.NextObject(&choice) {
		f.choices = true
		for choice.Next() {
			if choice.Is("finish_reason") && choice.Value()[0] == '"' {
				f.finish = finishReason(choice.Value())
			}
		}
	}
}

// finishReason returns the text of a finish reason. The usual ones need no
// allocation.
func finishReason(raw []byte) string {
	for _, usual := range [...]string{"stop", "length", "tool_calls", "content_filter"} {
		if string(raw[1:len(raw)-1]) == usual {
			return usual
		}
	}
	return text(raw)
}

// readIncomplete reads why a response of the responses operation is incomplete.
func (f *facts) readIncomplete(raw []byte) {
	if len(raw) == 0 || raw[0] != '{' {
		return
	}
	o := jsonscan.NewObject(raw)
	for o.Next() {
		if !o.Is("reason") {
			continue
		}
		if f.finish = text(o.Value()); f.finish == "max_output_tokens" {
			f.finish = "length"
		}
	}
}

// truthy reports whether an "error" field says that there is one.
func truthy(raw []byte) bool {
	switch string(raw) {
	case "null", "false", `""`, "{}", "[]", "0":
		return false
	default:
		return true
	}
}

// isEnd reports whether a named event is the last of its stream. The kind is in
// quotes, as in JSON.
func isEnd(kind []byte) bool {
	switch string(kind) {
	case `"response.completed"`, `"response.incomplete"`, `"image_generation.completed"`, `"image_edit.completed"`:
		return true
	default:
		return false
	}
}

// isFailure reports whether a named event ends its stream with an error.
func isFailure(kind []byte) bool {
	return string(kind) == `"error"` || string(kind) == `"response.failed"`
}
