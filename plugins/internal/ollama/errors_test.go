package ollama

import (
	"testing"

	"github.com/backplane-dev/backplane/sdk/provider"
)

func TestOllamasWordsGiveTheClass(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		status  int
		message string
		code    provider.Code
		want    string
	}{
		{404, "model 'nope' not found", provider.CodeNotFound, "model 'nope' not found; pull it with: ollama pull nope"},
		{404, `model "a/b:7b" not found, try pulling it first`, provider.CodeNotFound, `model "a/b:7b" not found, try pulling it first; pull it with: ollama pull a/b:7b`},
		{503, "server busy, please try again.  maximum pending requests exceeded", provider.CodeOverloaded, ""},
		{500, `option "temperature" must be of type float32`, provider.CodeInvalidRequest, ""},
		{400, "the input length exceeds the context length", provider.CodeTooLarge, ""},
		{400, `"tiny-embed" does not support chat`, provider.CodeInvalidRequest, ""},
		{500, "llama runner process has terminated", provider.CodeUpstream, ""},
	} {
		e := &provider.Error{Code: provider.CodeUpstream, StatusCode: tt.status, Message: tt.message}
		Classify(e)
		if tt.want == "" {
			tt.want = tt.message
		}
		if e.Code != tt.code || e.Message != tt.want {
			t.Errorf("%s: got %v", tt.message, e)
		}
	}
}
