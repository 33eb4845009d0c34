package openaicompat

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/rest"
)

// alikeChunks are chunks for which the two ways to look at a chunk must agree.
var alikeChunks = []string{
	roleChunk, wordChunk, endChunk, usageChunk,
	`{"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":" token"},"logprobs":null,"finish_reason":null}],"obfuscation":"xyz"}`,
	`{"id":"c1","model":"m","choices":[{"index":0,"delta":{"reasoning_content":"so","content":null},"finish_reason":null},{"index":1,"delta":{"content":"x"},"finish_reason":null}]}`,
	`{"id":"c1","model":"m","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"t","function":{"name":"f","arguments":"{\"a\":"}}]},"finish_reason":null}]}`,
	`{"id":"c1","model":"m","choices":[{"text":" word","finish_reason":null}],"x_groq":{"id":"r"}}`,
	`{"id":"c1","choices":[{"delta":{"content":"a \u00e4 finish_reason\""},"finish_reason":""}]}`,
	`{"type":"response.output_text.delta","sequence_number":1,"item_id":"i","delta":"hi","logprobs":[]}`,
	`{"type":"response.completed","response":{"status":"completed","text":"x"},"sequence_number":3}`,
	`{"error":{"message":"m","content":"x"}}`, `{"error":"","text":"x"}`,
	`{"object":"response","status":"completed","text":"x"}`, `{"status":"incomplete","incomplete_details":{"reason":"x","text":"y"}}`,
	`{"choices":[{"finish_reason":"\x","delta":{"content":"x"}}]}`, `{"choices":[{"delta":{"content":"x"},"finish_reason":null,"finish\u005freason":"\y"}]}`,
	`{"choices":["content":"x"]}`, `{"choices":[{"a":"content":"x","finish_reason":"stop"}]}`, `{"x_groq":{"text":"x","usage":{}}}`,
	`{"id":{"text":"x"},"model":{"text":"y"},"type":{"text":"error"}}`,
}

// replacements are put into the chunks everywhere.
var replacements = []string{
	"", `"`, `\`, `\"`, `\\`, "x", " ", "\n", "\x00", "\xff", `\u0061`, "{", "}", "[", "]", ":", ",", "0", "null", `"stop"`, `"finish_reason":"stop"`,
	`","finish_reason":"stop`, `"},"finish_reason":"stop"}]}`, `","usage":{"total_tokens":1}`, `{"total_tokens":1}`, `"error":{"a":1},`, `x","content":"y`, strings.Repeat("long ", 30),
}

// judge fails the test if a chunk counts as one like another that reports
// something else.
func judge(t *testing.T, one, two string) {
	t.Helper()
	first, err := readFacts([]byte(one))
	if err != nil {
		return
	}
	var a alike
	if a.learn([]byte(one), &first); !a.knows([]byte(two), false) {
		return
	}
	second, err := readFacts([]byte(two))
	if err != nil || len(two) == 0 {
		t.Fatalf("%q counts as %q, but is refused: %v", two, one, err)
	}
	if !first.dull() || !second.dull() {
		t.Fatalf("%q counts as %q, but has something to report: %+v, %+v", two, one, second, first)
	}
	switch {
	case text(first.id) != text(second.id), text(first.model) != text(second.model),
		text(first.kind) != text(second.kind), (first.kind == nil) != (second.kind == nil),
		first.choices != second.choices, first.result != second.result:
		t.Fatalf("%q counts as %q, but says something else: %+v, %+v", two, one, second, first)
	}
}

func TestAChunkThatIsKnownReportsNothingElse(t *testing.T) {
	t.Parallel()
	known := 0
	for _, chunk := range alikeChunks {
		for _, other := range alikeChunks {
			judge(t, chunk, other)
			judge(t, chunk, chunk+other)
		}
		f, err := readFacts([]byte(chunk))
		if err != nil {
			t.Fatalf("%s: %v", chunk, err)
		}
		var a alike
		a.learn([]byte(chunk), &f)
		for at := range chunk {
			judge(t, chunk, chunk[:at])
			for _, length := range []int{0, 1, 2, 4, 6} {
				for _, text := range replacements {
					other := chunk[:at] + text + chunk[min(at+length, len(chunk)):]
					judge(t, chunk, other)
					if a.knows([]byte(other), false) {
						known++
					}
				}
			}
		}
	}
	if known < 1000 {
		t.Errorf("only %d chunks were recognised: the test compares nothing", known)
	}
}

func FuzzAlike(f *testing.F) {
	for _, chunk := range alikeChunks {
		f.Add(chunk, strings.Replace(chunk, "x", `\"`, 1))
	}
	f.Fuzz(judge)
}

func TestWhatIsRecognised(t *testing.T) {
	t.Parallel()
	const word = `{"id":"c1","model":"m","choices":[{"index":0,"delta":{"content":"hi"},"finish_reason":null}]}`
	replace := func(old, text string) string { return strings.Replace(word, old, text, 1) }
	for name, tt := range map[string]struct {
		chunk string
		want  bool
	}{
		"the same":                  {word, true},
		"another word":              {replace("hi", "there, a longer one"), true},
		"no word":                   {replace("hi", ""), true},
		"escapes":                   {replace("hi", `\u00e4 \"x\" \\`), true},
		"a word like a field":       {replace("hi", `\"finish_reason\":\"stop\"`), true},
		"an escape before the end":  {replace("hi", `hi\`), false},
		"another id":                {replace("c1", "c2"), false},
		"a finish":                  {replace("null", `"stop"`), false},
		"usage":                     {replace(`}]}`, `}],"usage":{"total_tokens":1}}`), false},
		"an error":                  {replace(`}]}`, `}],"error":{"message":"m"}}`), false},
		"a role":                    {replace(`"content"`, `"role":"assistant","content"`), false},
		"a tool call":               {replace(`"content":"hi"`, `"tool_calls":[]`), false},
		"other thoughts":            {replace(`"content"`, `"reasoning_content"`), false},
		"broken":                    {replace(`"hi"`, `"hi`), false},
		"cut":                       {word[:len(word)-1], false},
		"with something behind it":  {word + "}", false},
		"two choices":               {replace("}]}", `},{"finish_reason":"stop"}]}`), false},
		"a second word in its text": {replace("hi", `hi","content":"x`), false},
	} {
		var a alike
		f, err := readFacts([]byte(word))
		if err != nil {
			t.Fatal(err)
		}
		a.learn([]byte(word), &f)
		if got := a.knows([]byte(tt.chunk), false); got != tt.want {
			t.Errorf("%s: %s: got %v", name, tt.chunk, got)
		}
	}
}

func TestChunksThatReportSomethingAreNotRemembered(t *testing.T) {
	t.Parallel()
	for _, chunk := range []string{
		`{"choices":[{"delta":{"content":"x"},"finish_reason":"stop"}]}`,
		`{"choices":[{"delta":{"content":"x"}}],"usage":{"total_tokens":1}}`,
		`{"choices":[{"delta":{"content":"x"}}],"x_groq":{"usage":{"total_tokens":1}}}`,
		`{"type":"response.completed","text":"x"}`, `{"type":"error","text":"x"}`, `{"error":{"text":"x"}}`,
		`{"type":"a","response":{},"text":"x"}`, `{"object":"response","status":"completed","text":"x"}`,
	} {
		var a alike
		f, err := readFacts([]byte(chunk))
		if err != nil {
			t.Fatal(err)
		}
		if a.learn([]byte(chunk), &f); a.knows([]byte(chunk), false) {
			t.Errorf("%s is recognised", chunk)
		}
	}
}

// TestTheNameOfAnEventCounts where its data does not say it.
func TestTheNameOfAnEventCounts(t *testing.T) {
	t.Parallel()
	plain, typed := `{"text":"x"}`, `{"type":"a","text":"x"}`
	for _, tt := range []struct {
		chunk string
		typed bool
		want  bool
	}{{plain, false, true}, {plain, true, false}, {typed, false, true}, {typed, true, true}} {
		var a alike
		f, err := readFacts([]byte(tt.chunk))
		if err != nil {
			t.Fatal(err)
		}
		if a.learn([]byte(tt.chunk), &f); a.knows([]byte(tt.chunk), tt.typed) != tt.want {
			t.Errorf("%s, with a name: %v: got %v", tt.chunk, tt.typed, !tt.want)
		}
	}
	out := &sink{}
	s := newService(t, oneByOne(out, event(plain), event(plain), "event: error\n"+event(plain)))
	_, err := s.open(t, dialect(nil), nil).Stream(t.Context(), &provider.Request{Operation: provider.OpResponses, Body: []byte(`{}`)}, out)
	wantError(t, err, provider.CodeUpstream)
}

func TestChunksThatAreNeverAlikeAreLearnedForAWhileOnly(t *testing.T) {
	t.Parallel()
	chunk := func(id int) []byte {
		data, err := json.Marshal(map[string]any{"id": id, "text": "x"})
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	var a alike
	for id := range 2 * maxInVain {
		a.learn(chunk(id), &facts{})
		if got := a.knows(chunk(id), false); id == 0 && !got {
			t.Error("the first is not known")
		}
		a.inVain = uint8(min(id+1, maxInVain))
	}
	if !a.knows(chunk(maxInVain-1), false) {
		t.Error("the last that was learned is not known")
	}
	if a.learn(chunk(1000), &facts{}); !a.knows(chunk(1000), false) {
		t.Error("nothing is learned after one was recognised")
	}
}

// TestAStreamIsTheSameWhetherItsChunksAreRecognised or each is looked at.
func TestAStreamIsTheSameWhetherItsChunksAreRecognised(t *testing.T) {
	t.Parallel()
	var events []rest.Event
	for range 3 {
		for _, chunk := range alikeChunks {
			if f, err := readFacts([]byte(chunk)); err != nil || f.failed {
				continue
			}
			events = append(events, rest.Event{Data: []byte(chunk)}, rest.Event{Data: []byte(chunk)},
				rest.Event{Data: []byte(" " + strings.Replace(chunk, "hi", `there\"`, 1) + "\n")})
		}
	}
	for _, d := range []*Dialect{{}, {Reasoning: "content"}} {
		for _, s := range []stream{{keepUsage: true}, {makeUsage: true}, {}} {
			var streams [2]stream
			for i := range streams {
				s.dialect, s.op, s.models, s.out = d, &Operation{Name: provider.OpChat}, &modelNames{}, &sink{}
				if s.alike.inVain = 0; i == 1 {
					s.alike.inVain = maxInVain
				}
				streams[i] = s
			}
			for at := range events {
				var got [2][][]byte
				for i := range streams {
					if err := streams[i].take(events[at : at+1]); err != nil {
						t.Fatal(err)
					}
					got[i] = streams[i].chunks
				}
				if !slices.EqualFunc(got[0], got[1], slices.Equal[[]byte]) {
					t.Fatalf("%s was passed on as %q and %q", events[at].Data, got[0], got[1])
				}
				one, two := &streams[0], &streams[1]
				if one.meta.Model != two.meta.Model || one.meta.RequestID != two.meta.RequestID || one.id != two.id || one.seen != two.seen ||
					one.usageNew != two.usageNew || one.usage != two.usage || one.finish.Reason != two.finish.Reason || one.makeUsage != two.makeUsage || one.over != two.over {
					t.Fatalf("after %s:\n%+v\n%+v", events[at].Data, one, two)
				}
			}
		}
	}
}
