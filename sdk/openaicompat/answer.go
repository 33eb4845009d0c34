package openaicompat

import (
	"github.com/backplane-dev/backplane/sdk/openaicompat/internal/jsonscan"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// facts are what is looked up in an answer or in a chunk of a stream.
type facts struct {
	kind   string // "type", of named events
	id     string
	model  string
	finish string
	usage  *provider.Usage
	// status and object are those of a response of the responses operation.
	status, object string
	// failed is true if the object reports an error; result, if it holds what
	// an answer consists of, beside which an "error" is a field like any other.
	failed, result bool
	// choices counts up to one: whether there is any.
	choices int
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
	if f.finish == "" && f.object == "response" && f.status == "completed" {
		f.finish = "stop"
	}
	return f, o.Err()
}

func (f *facts) member(key, value []byte) {
	switch string(key) {
	case "type":
		f.kind = text(value)
	case "id":
		f.id = text(value)
	case "model":
		f.model = text(value)
	case "usage":
		f.usage = readUsage(value)
	case "error":
		f.failed = truthy(value)
	case "choices":
		f.result = true
		f.readChoices(value)
	case "object":
		f.result, f.object = true, text(value)
	case "data", "output", "results":
		f.result = true
	case "status":
		f.status = text(value)
	case "incomplete_details":
		f.readIncomplete(value)
	case "response":
		f.inner = value
	}
}

// readChoices looks for the first finish reason that is set.
func (f *facts) readChoices(raw []byte) {
	choices := jsonscan.NewArray(raw)
	for choices.Next() {
		f.choices = 1
		choice := jsonscan.NewObject(choices.Value())
		for choice.Next() {
			if choice.Is("finish_reason") && choice.Value()[0] == '"' {
				f.finish = text(choice.Value())
			}
		}
		if f.finish != "" {
			return
		}
	}
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

// isEnd reports whether a named event is the last of its stream.
func isEnd(kind string) bool {
	switch kind {
	case "response.completed", "response.incomplete", "image_generation.completed", "image_edit.completed":
		return true
	default:
		return false
	}
}

// isFailure reports whether a named event ends its stream with an error.
func isFailure(kind string) bool { return kind == "error" || kind == "response.failed" }
