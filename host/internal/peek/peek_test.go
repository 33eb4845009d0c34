package peek_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/host/internal/peek"
)

func TestFactsAreReadWhereverTheyStand(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, body string
		want       peek.Facts
	}{
		{"empty object", `{}`, peek.Facts{}},
		{"first", `{"model":"a","messages":[]}`, peek.Facts{Model: "a"}},
		{"last", `{"messages":[{"model":"inner","stream":true}],"model":"a"}`, peek.Facts{Model: "a"}},
		{"spaces", " {\n\t\"model\" : \"a\" , \"stream\" : true } \r\n", peek.Facts{Model: "a", Stream: true}},
		{"usage", `{"stream":true,"stream_options":{"x":[{}],"include_usage":true}}`, peek.Facts{Stream: true, IncludeUsage: true}},
		{"base64", `{"input":"x","encoding_format":"base64"}`, peek.Facts{EncodingFormat: "base64", HasInput: true}},
		{"other format", `{"encoding_format":"ubinary"}`, peek.Facts{EncodingFormat: "ubinary"}},
		{"nulls", `{"model":null,"stream":null,"stream_options":null,"encoding_format":null,"input":null}`, peek.Facts{}},
		{"null inside", `{"stream_options":{"include_usage":null}}`, peek.Facts{}},
		{"escaped key", `{"mod\u0065l":"a"}`, peek.Facts{Model: "a"}},
		{"escaped value", `{"model":"a\"\u00e9\n"}`, peek.Facts{Model: "a\"é\n"}},
		{"non-ASCII", `{"model":"modèle"}`, peek.Facts{Model: "modèle"}},
		{"invalid UTF-8", "{\"model\":\"a\xff\xfeb\"}", peek.Facts{Model: "a\ufffd\ufffdb"}},
		{"last one wins", `{"model":"a","stream":true,"model":"b","stream":false}`, peek.Facts{Model: "b"}},
		{"null wins too", `{"model":"a","model":null}`, peek.Facts{}},
		{"object wins as a whole", `{"stream_options":{"include_usage":true},"stream_options":{}}`, peek.Facts{}},
		{"mistake is overwritten", `{"model":5,"model":"a"}`, peek.Facts{Model: "a"}},
		{"other case is another key", `{"Model":"A","model":"a"}`, peek.Facts{Model: "a"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := peek.Request([]byte(tt.body))
			if err != nil {
				t.Fatalf("Request: %v", err)
			}
			if err := got.Check(); err != nil {
				t.Fatalf("Check: %v", err)
			}
			if got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestWrongTypesNameFieldAllowedAndFound(t *testing.T) {
	t.Parallel()
	tests := []struct{ body, field, want string }{
		{`{"model":5}`, "model", `"model" must be a string, found a number at byte 9`},
		{`{"model": {"a":1}}`, "model", `"model" must be a string, found an object at byte 10`},
		{`{"model":["a"]}`, "model", `"model" must be a string, found an array at byte 9`},
		{`{"stream":"yes"}`, "stream", `"stream" must be true or false, found a string at byte 10`},
		{`{"stream":1}`, "stream", `"stream" must be true or false, found a number at byte 10`},
		{`{"stream":true,"stream":{}}`, "stream", `"stream" must be true or false, found an object at byte 24`},
		{`{"stream_options":true}`, "stream_options", `"stream_options" must be an object, found a boolean at byte 18`},
		{`{"stream_options":{"include_usage":"y"}}`, "stream_options.include_usage", `"stream_options.include_usage" must be true or false, found a string at byte 35`},
		{`{"encoding_format":-1}`, "encoding_format", `"encoding_format" must be a string, found a number at byte 19`},
		{`[1]`, "", `the body must be a JSON object, found an array`},
		{`"x"`, "", `the body must be a JSON object, found a string`},
		{`null`, "", `the body must be a JSON object, found null`},
	}
	for _, tt := range tests {
		facts, err := peek.Request([]byte(tt.body))
		if err != nil {
			t.Errorf("%s: Request: %v", tt.body, err)
			continue
		}
		var mistyped *peek.TypeError
		if err := facts.Check(); !errors.As(err, &mistyped) {
			t.Errorf("%s: Check: %v, want a TypeError", tt.body, err)
			continue
		}
		if mistyped.Field != tt.field || mistyped.Error() != tt.want {
			t.Errorf("%s: got %q: %s\nwant %q: %s", tt.body, mistyped.Field, mistyped, tt.field, tt.want)
		}
	}
}

func TestBrokenJSONIsRefusedWithItsPlace(t *testing.T) {
	t.Parallel()
	tests := []struct{ body, want string }{
		{``, `expected a value before the end of the body at byte 0 (line 1, column 1)`},
		{`{`, `expected a key in double quotes before the end of the body at byte 1 (line 1, column 2)`},
		{`{"model":"a"`, `expected "," or "}" before the end of the body at byte 12 (line 1, column 13)`},
		{"{\n  \"a\": 1\n  \"b\": 2\n}", `expected "," or "}" instead of '"' at byte 13 (line 3, column 3)`},
		{`{"a":1,}`, `expected a key in double quotes instead of '}' at byte 7 (line 1, column 8)`},
		{`{'a':1}`, `expected a key in double quotes instead of '\'' at byte 1 (line 1, column 2)`},
		{`{"a" 1}`, `expected ":" after the key instead of '1' at byte 5 (line 1, column 6)`},
		{`{"a":}`, `expected a value instead of '}' at byte 5 (line 1, column 6)`},
		{`{"a":tru}`, `expected true instead of '}' at byte 8 (line 1, column 9)`},
		{`{"a":NaN}`, `expected a value instead of 'N' at byte 5 (line 1, column 6)`},
		{`{"a":01}`, `expected "," or "}" instead of '1' at byte 6 (line 1, column 7)`},
		{`{"a":-}`, `expected a digit instead of '}' at byte 6 (line 1, column 7)`},
		{`{"a":1.}`, `expected a digit after the decimal point instead of '}' at byte 7 (line 1, column 8)`},
		{`{"a":1e}`, `expected a digit in the exponent instead of '}' at byte 7 (line 1, column 8)`},
		{`{"a":[1 2]}`, `expected "," or "]" instead of '2' at byte 8 (line 1, column 9)`},
		{`{"a":[1,]}`, `expected a value instead of ']' at byte 8 (line 1, column 9)`},
		{`{"a":"b}`, `the string is not closed before the end of the body at byte 8 (line 1, column 9)`},
		{"{\"a\":\"b\n\"}", `control characters in a string must be escaped, expected a backslash instead of '\n' at byte 7 (line 1, column 8)`},
		{`{"a":"\x"}`, `expected one of "\/bfnrtu after the backslash instead of 'x' at byte 7 (line 1, column 8)`},
		{`{"a":"\u12g4"}`, `expected four hexadecimal digits after "\u" instead of 'g' at byte 10 (line 1, column 11)`},
		{`{} {}`, `expected the end of the body after the JSON value instead of '{' at byte 3 (line 1, column 4)`},
		{"\ufeff{}", `expected a value instead of a byte order mark at byte 0 (line 1, column 1)`},
		{"{\xff}", `expected a key in double quotes instead of byte 0xff at byte 1 (line 1, column 2)`},
		{strings.Repeat("[", 10001), `arrays and objects may be nested 10000 deep, expected a plain value instead of '[' at byte 10000 (line 1, column 10001)`},
	}
	for _, tt := range tests {
		_, err := peek.Request([]byte(tt.body))
		var syntax *peek.SyntaxError
		if !errors.As(err, &syntax) {
			t.Errorf("%.40s: got %v, want a SyntaxError", tt.body, err)
			continue
		}
		if syntax.Error() != tt.want {
			t.Errorf("%.40q:\n got %s\nwant %s", tt.body, syntax, tt.want)
		}
	}
}

// Text is scanned in blocks and words: whatever stands anywhere in a string must be
// judged as encoding/json does, at each place of a block, before and after others.
func TestEveryByteIsJudgedAtEveryPlaceOfAString(t *testing.T) {
	t.Parallel()
	for _, filler := range []byte{'x', ' ', '!', '#', 0x7f, 0x80, 0xff} {
		for c := range 256 {
			for _, place := range []int{0, 1, 6, 7, 8, 9, 30, 31, 32, 33, 39, 40, 62, 63, 64, 65, 70} {
				body := append([]byte(`{"a":"`), bytes.Repeat([]byte{filler}, 72)...)
				body[6+place] = byte(c)
				body = append(body, `n","model":"m"}`...) // an n, so that a backslash at the end is an escape
				_, err := peek.Request(body)
				if got, want := err == nil, json.Valid(body); got != want {
					t.Fatalf("byte %#x at %d among %#x: accepted %v, encoding/json %v (%v)", c, place, filler, got, want, err)
				}
			}
		}
	}
}

func TestNestingIsAllowedAsDeepAsEncodingJSONDoes(t *testing.T) {
	t.Parallel()
	for _, depth := range []int{255, 256, 257, 9999, 10000, 10001} {
		for _, body := range []string{
			strings.Repeat("[", depth) + strings.Repeat("]", depth),
			strings.Repeat(`{"a":`, depth) + "1" + strings.Repeat("}", depth),
			`{"a":` + strings.Repeat(`[{"b":`, depth/2) + "1" + strings.Repeat("}]", depth/2) + "}",
		} {
			_, err := peek.Request([]byte(body))
			if got, want := err == nil, json.Valid([]byte(body)); got != want {
				t.Errorf("depth %d, %.12s: accepted %v, encoding/json %v", depth, body, got, want)
			}
		}
	}
}

func TestNothingIsAllocatedButTheModel(t *testing.T) {
	body := []byte(`{"messages":[{"role":"user","content":"` + strings.Repeat("hello\\n ", 100) + `"}],"model":"gpt-4o-mini",` +
		`"stream":true,"stream_options":{"include_usage":true},"encoding_format":"base64","input":"x"}`)
	allocs := testing.AllocsPerRun(100, func() {
		if _, err := peek.Request(body); err != nil {
			t.Fatal(err)
		}
	})
	if allocs > 1 {
		t.Errorf("%v allocations, want at most 1", allocs)
	}
}

func TestStringFindsTheTypeOfAChunk(t *testing.T) {
	t.Parallel()
	tests := []struct {
		object, want string
		ok           bool
	}{
		{`{"type":"response.created","x":1}`, "response.created", true},
		{`{"response":{"type":"inner"},"type":"outer"}`, "outer", true},
		{`{"type":5}`, "", false},
		{`{"response":{}}`, "", false},
		{`["type"]`, "", false},
		{`{"a":nope,"type":"x"}`, "", false},
		{`{"type":"x`, "", false},
	}
	for _, tt := range tests {
		got, ok := peek.String([]byte(tt.object), "type")
		if string(got) != tt.want || ok != tt.ok {
			t.Errorf("%s: got %q, %v, want %q, %v", tt.object, got, ok, tt.want, tt.ok)
		}
	}
}

func TestVectorsFindsOnlyListsOfNumbers(t *testing.T) {
	t.Parallel()
	answer := `{"embedding":[9],"data":[{"embedding":[1, -2.5e3],"index":0},{"embedding":"AAAA"},{"x":{"embedding":[8]}},` +
		`{"embedding":[[1]]},{"embedding":[]},7,{"index":1,"embedding":[3]}],"usage":{"data":[{"embedding":[7]}]}}`
	found, err := peek.Vectors([]byte(answer))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, v := range found {
		got = append(got, answer[v.Start:v.End])
	}
	want := `[1, -2.5e3] [] [3]`
	if strings.Join(got, " ") != want {
		t.Errorf("got %q, want %q", strings.Join(got, " "), want)
	}
	if _, err := peek.Vectors([]byte(`{"data":[{"embedding":[1,}]}`)); err == nil {
		t.Error("a broken answer was accepted")
	}
}

func BenchmarkRequest(b *testing.B) {
	for _, size := range []int{2 << 10, 200 << 10} {
		body := []byte(`{"messages":[{"role":"user","content":"` + strings.Repeat("The quick brown fox. ", size/21) +
			`"}],"model":"gpt-4o-mini","stream":true}`)
		b.Run(map[bool]string{true: "2KB", false: "200KB"}[size < 4096], func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := peek.Request(body); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
