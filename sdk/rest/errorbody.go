package rest

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
)

// ErrorBody is what the body of a failed answer says, in the service's words.
// It may hold credentials that the service repeated: redact before use.
type ErrorBody struct {
	// Message is the service's text, or the beginning of a body that is not
	// JSON, without markup.
	Message string
	// Type, Code and Param are OpenAI's fields, or what comes nearest.
	Type  string
	Code  string
	Param string
	// Status is an HTTP status inside the body, 0 if there is none.
	Status int
}

// ParseError reads the body of a failed answer leniently: OpenAI's object with
// any of its fields missing or of another type, an error that is a mere string,
// FastAPI's detail, Google's status, or no JSON at all.
func ParseError(body []byte) ErrorBody {
	body = bytes.TrimSpace(body)
	var list []json.RawMessage
	if json.Unmarshal(body, &list) == nil && len(list) > 0 {
		body = list[0] // Google wraps the error in a list when it streams
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(body, &fields) != nil {
		return ErrorBody{Message: plainText(body)}
	}
	e := errorFields(fields)
	switch inner := fields["error"]; {
	case isObject(inner):
		var nested map[string]json.RawMessage
		if json.Unmarshal(inner, &nested) == nil {
			e = errorFields(nested)
		}
	case text(inner) != "":
		e.Message = text(inner)
	}
	if e.Type == "" {
		e.Type = text(fields["error_type"])
	}
	if e.Message == "" {
		e.Message = string(body)
	}
	return e
}

// errorFields reads the fields of an error object.
func errorFields(f map[string]json.RawMessage) ErrorBody {
	e := ErrorBody{
		Message: text(f["message"]),
		Type:    text(f["type"]),
		Code:    text(f["code"]),
		Param:   text(f["param"]),
	}
	if e.Message == "" {
		e.Message = text(f["detail"])
	}
	if e.Message == "" && isSet(f["detail"]) {
		e.Message = string(f["detail"]) // FastAPI's list of places and reasons
	}
	if e.Message == "" && isSet(f["errors"]) {
		e.Message = string(f["errors"])
	}
	if e.Type == "error" { // the name of the event, not of the error
		e.Type = ""
	}
	if status := text(f["status"]); e.Type == "" {
		e.Type = status
	}
	for _, name := range []string{"code", "status", "status_code"} {
		if n, err := strconv.Atoi(text(f[name])); err == nil && n >= 400 && n <= 599 {
			e.Status = n
			if name == "code" {
				e.Code = "" // a status is no code of its own
			}
			break
		}
	}
	return e
}

// text returns a JSON string's value or a number's digits, else "".
func text(raw json.RawMessage) string {
	if len(raw) == 0 {
		return ""
	}
	if c := raw[0]; c == '-' || c >= '0' && c <= '9' {
		return string(raw)
	}
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}

func isObject(raw json.RawMessage) bool { return len(raw) > 0 && raw[0] == '{' }

func isSet(raw json.RawMessage) bool { return len(raw) > 0 && string(raw) != "null" }

var (
	markupBlocks = regexp.MustCompile(`(?is)<(?:script|style)\b.*?</(?:script|style)>|<!--.*?-->`)
	markupTags   = regexp.MustCompile(`<[^>]*>`)
)

// maxExcerpt bounds what is shown of a body that is not JSON.
const maxExcerpt = 300

// plainText returns the beginning of a body that is not JSON, without markup.
func plainText(body []byte) string {
	s := string(body)
	if strings.HasPrefix(s, "<") {
		s = markupBlocks.ReplaceAllString(s, " ")
		s = markupTags.ReplaceAllString(s, " ")
	}
	return clean(s, maxExcerpt)
}
