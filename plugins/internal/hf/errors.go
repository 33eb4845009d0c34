package hf

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// classes are what the servers' error types mean, whatever the status.
var classes = map[string]provider.Code{
	"generation":                provider.CodeUpstream,
	"incomplete_generation":     provider.CodeUpstream,
	"backend":                   provider.CodeUpstream,
	"unhealthy":                 provider.CodeUpstream,
	"healthcheck":               provider.CodeUpstream,
	"overloaded":                provider.CodeOverloaded,
	"validation":                provider.CodeInvalidRequest,
	"tokenizer":                 provider.CodeInvalidRequest,
	"empty":                     provider.CodeInvalidRequest,
	"template_error":            provider.CodeInvalidRequest,
	"missing_template_variable": provider.CodeInvalidRequest,
	"tool_error":                provider.CodeInvalidRequest,
}

// beginnings are texts of errors that come without a type, as they do in streams
// of chat, where the status in the event is always the same.
var beginnings = []struct {
	text string
	kind string
}{
	{"Request failed during generation", "generation"},
	{"Incomplete generation", "incomplete_generation"},
	{"Model is overloaded", "overloaded"},
	{"Input validation error", "validation"},
	{"Template error", "template_error"},
	{"Missing template va", "missing_template_variable"},
	{"Tool error", "tool_error"},
}

var (
	// oversize are the words about limits on the size of a request.
	oversize = regexp.MustCompile("(?i)batch size|must have less than|must be <= |too (?:large|long|many)|maximum")
	// otherwise are the words of errors that have the status of a body that is too
	// large, as all failed checks of embeddings have, and mean another.
	otherwise = regexp.MustCompile(`(?i)empty|prompt|dimension|truncat|supported`)
	// wrongKind says that the model is for another operation.
	wrongKind = regexp.MustCompile(`(?i)model is not an? `)
	// field is the field at fault, as the servers put it at the beginning.
	field = regexp.MustCompile("^(?:Input validation error: )?`([a-z_]+)`")
	// noTokenizer says that a server runs without the tokenizer that was asked.
	noTokenizer = regexp.MustCompile(`(?i)no (?:fast )?tokenizer`)
	// loading says that a hosted model is not in memory yet.
	loading = regexp.MustCompile(`(?i)currently loading|is loading`)
)

// Classify improves the class that the status gave, by the type and the text of
// the error.
func Classify(e *provider.Error) {
	kind := strings.ToLower(e.Type)
	if kind == "" {
		kind = kindOf(e.Message)
	}
	if code, known := classes[kind]; known {
		e.Code = code
	}
	switch tooLarge := e.StatusCode == http.StatusRequestEntityTooLarge; {
	case kind == "validation" && (oversize.MatchString(e.Message) || tooLarge && !otherwise.MatchString(e.Message)):
		e.Code = provider.CodeTooLarge
	case kind == "backend" && wrongKind.MatchString(e.Message):
		e.Code = provider.CodeUnsupported
	case e.StatusCode == http.StatusNotFound && noTokenizer.MatchString(e.Message):
		e.Code = provider.CodeUnsupported
	case e.StatusCode == http.StatusServiceUnavailable && loading.MatchString(e.Message):
		e.Code = provider.CodeOverloaded
	}
	if m := field.FindStringSubmatch(e.Message); m != nil && e.Param == "" && !e.Code.Failure() {
		e.Param = m[1]
	}
}

func kindOf(message string) string {
	for _, b := range beginnings {
		if strings.HasPrefix(message, b.text) {
			return b.kind
		}
	}
	return ""
}

// ClassifyBody reads what hosted models say while they are loaded: how many
// seconds that will take.
func ClassifyBody(e *provider.Error, body []byte) {
	var b struct {
		EstimatedTime float64 `json:"estimated_time"`
	}
	const longest = float64(24 * time.Hour / time.Second)
	if json.Unmarshal(body, &b) != nil || !(b.EstimatedTime > 0) || b.EstimatedTime > longest {
		return
	}
	if e.StatusCode != http.StatusServiceUnavailable && e.StatusCode != 0 {
		return
	}
	e.Code = provider.CodeOverloaded
	if e.RetryAfter == 0 {
		e.RetryAfter = time.Duration(b.EstimatedTime * float64(time.Second))
	}
}
