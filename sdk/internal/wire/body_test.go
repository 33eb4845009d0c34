package wire

import (
	"errors"
	"testing"

	"github.com/backplane-dev/backplane/sdk/provider"
)

func TestDecodeBodyTellsTheCallerWhatToMend(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ body, param, message string }{
		{"", "", "the body is empty; it must be a JSON object"},
		{" \n", "", "the body is empty; it must be a JSON object"},
		{`{"messages":[}`, "", `the body is not valid JSON: invalid character '}' looking for beginning of value (at byte 14)`},
		{`{"messages":[]`, "", "the body is not valid JSON: unexpected end of JSON input (at byte 14)"},
		{`[1]`, "", "the body must be a JSON object, not a list"},
		{`"hi"`, "", "the body must be a JSON object, not a string"},
		{`{"messages":"hi"}`, "messages", `field "messages" must be a list, not a string`},
		{`{"temperature":"hot"}`, "temperature", `field "temperature" must be a number, not a string`},
		{`{"seed":1.5}`, "seed", `field "seed" must be a whole number, not 1.5`},
		{`{"stream":1}`, "stream", `field "stream" must be true or false, not a number`},
		{`{"model":{}}`, "model", `field "model" must be a string, not an object`},
		{`{"messages":[{"role":"user","content":5}]}`, "messages.content", `field "messages.content" must be a string, a list of parts or null`},
		{`{"stop":5}`, "stop", `field "stop" must be a string or a list of strings`},
	} {
		err := decodeBody([]byte(test.body), &provider.ChatRequest{})
		var e *provider.Error
		if !errors.As(err, &e) {
			t.Errorf("%s: got %v, want an error", test.body, err)
			continue
		}
		if e.Message != test.message || e.Param != test.param {
			t.Errorf("%s:\ngot  %q (%s)\nwant %q (%s)", test.body, e.Message, e.Param, test.message, test.param)
		}
		if e.Code != provider.CodeInvalidRequest || e.Source != provider.SourceCaller {
			t.Errorf("%s: got %s of %s", test.body, e.Code, e.Source)
		}
	}
}
