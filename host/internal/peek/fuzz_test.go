package peek_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/host/internal/peek"
)

// FuzzRequest holds the scanner against encoding/json: it must accept the same
// texts and, as far as a field has the right type, find the same values.
func FuzzRequest(f *testing.F) {
	for _, seed := range []string{
		`{"model":"a","stream":true,"stream_options":{"include_usage":true},"encoding_format":"base64","input":[1]}`,
		`{"model":"\u00e9\ud83d\ude00\ud83d","stream":false,"model":null}`, `[1,-0.5e+10,{"a":[]},"\\\"",null,true,false]`,
		"{\"model\":\"\xff\",\"x\":\"12345678\\u000012345678\\n\"}", `{"a":{"b":{"c":[{},[],""]}}}`, ` 0 `, `-0`, `1E-5`,
		`{"stream":1,"model":{},"stream_options":[]}`, `{"mod\u0065l":"x"}`, "{\"a\":\"1234567\x1f\"}", `{"a":1,}`, `[1 2]`, `01`, ``,
		`{"x":"` + strings.Repeat("0123456789abcdef", 5) + "\x01" + strings.Repeat("\xc3\xa9", 20) + `\"","model":"m"}`,
		`{"x":"` + strings.Repeat("\x80", 31) + `\\` + strings.Repeat("!", 33) + `","stream":true}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		facts, err := peek.Request(body)
		if valid := json.Valid(body); (err == nil) != valid {
			t.Fatalf("%q: Request gives %v, encoding/json says valid=%v", body, err, valid)
		}
		if err != nil {
			return
		}
		var fields map[string]json.RawMessage
		isObject := json.Unmarshal(body, &fields) == nil && fields != nil
		if facts.Object() != isObject {
			t.Fatalf("%q: Object() = %v, want %v", body, facts.Object(), isObject)
		}
		compare(t, body, "model", fields["model"], facts.Model)
		compare(t, body, "encoding_format", fields["encoding_format"], facts.EncodingFormat)
		compare(t, body, "stream", fields["stream"], facts.Stream)
		var options map[string]json.RawMessage
		_ = json.Unmarshal(fields["stream_options"], &options) // another type leaves it nil
		compare(t, body, "include_usage", options["include_usage"], facts.IncludeUsage)
		if want := fields["input"] != nil && string(fields["input"]) != "null"; facts.HasInput != want {
			t.Fatalf("%q: HasInput = %v, want %v", body, facts.HasInput, want)
		}
	})
}

// compare checks one value against the raw field: absent, null and values of
// another type must give the zero value.
func compare[T comparable](t *testing.T, body []byte, field string, raw json.RawMessage, got T) {
	t.Helper()
	var want, zero T
	if raw != nil && json.Unmarshal(raw, &want) != nil {
		want = zero
	}
	if got != want {
		t.Fatalf("%q: %s = %v, want %v", body, field, got, want)
	}
}

// firstString finds the string under a top-level key with encoding/json. found is
// false if there is none, if an earlier value of the key is no string, or if the
// text is not JSON.
func firstString(object []byte, key string) (value string, found bool) {
	if !json.Valid(object) {
		return "", false
	}
	in := json.NewDecoder(bytes.NewReader(object))
	if start, err := in.Token(); err != nil || start != json.Delim('{') {
		return "", false
	}
	for in.More() {
		name, err := in.Token()
		if err != nil {
			return "", false
		}
		var member any
		if err := in.Decode(&member); err != nil {
			return "", false
		}
		if name == key {
			value, found = member.(string)
			return value, found
		}
	}
	return "", false
}

// FuzzAnswer makes sure that broken answers of plugins cannot upset the readers.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte(`{"type":"x","data":[{"embedding":[1,2]}]}`))
	f.Add([]byte(`{"data":[{"embedding":[1,`))
	f.Add([]byte(`{"type":"\ud800`))
	f.Fuzz(func(t *testing.T, answer []byte) {
		got, ok := peek.String(answer, "type")
		if want, found := firstString(answer, "type"); found && (!ok || string(got) != want) {
			t.Fatalf("%q: String gives %q, %v, want %q", answer, got, ok, want)
		}
		found, err := peek.Vectors(answer)
		if (err == nil) != json.Valid(answer) {
			t.Fatalf("%q: Vectors gives %v, encoding/json says valid=%v", answer, err, json.Valid(answer))
		}
		for _, v := range found {
			var numbers []json.Number
			if err := json.Unmarshal(answer[v.Start:v.End], &numbers); err != nil {
				t.Fatalf("%q: vector %q: %v", answer, answer[v.Start:v.End], err)
			}
		}
	})
}
