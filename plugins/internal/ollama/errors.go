package ollama

import (
	"net/http"
	"regexp"
	"strings"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// missing is how Ollama says that it does not have a model.
var missing = regexp.MustCompile(`(?i)model ['"]?([^'"\s]+)['"]? not found`)

// meanings are texts of Ollama's errors that say more than their status.
var meanings = []struct {
	status int // 0 for any
	text   string
	code   provider.Code
}{
	{http.StatusServiceUnavailable, "server busy", provider.CodeOverloaded},
	{http.StatusServiceUnavailable, "maximum pending requests", provider.CodeOverloaded},
	{http.StatusInternalServerError, "must be of type", provider.CodeInvalidRequest}, // an option
	{0, "exceeds the context length", provider.CodeTooLarge},
	{0, "exceeds maximum context length", provider.CodeTooLarge},
	{0, "does not support", provider.CodeInvalidRequest},
	{0, "file does not exist", provider.CodeNotFound}, // a model that the library does not have
}

// Classify looks at the text of an error of Ollama's, which has no code of its
// own, and adds what to do about a model that is not there.
func Classify(e *provider.Error) {
	for _, m := range meanings {
		if (m.status == 0 || m.status == e.StatusCode) && strings.Contains(e.Message, m.text) {
			e.Code = m.code
			break
		}
	}
	if found := missing.FindStringSubmatch(e.Message); found != nil {
		e.Code, e.Param = provider.CodeNotFound, "model"
		e.Message += "; pull it with: ollama pull " + found[1]
	}
}
