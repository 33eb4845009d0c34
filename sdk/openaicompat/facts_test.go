package openaicompat

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/sdk/openaicompat/internal/jsonscan"
)

// slowFinish reads choices one by one, each bounded before it is looked into.
func slowFinish(raw []byte) (finish string, any bool) {
	choices := jsonscan.NewArray(raw)
	for choices.Next() {
		any = true
		choice := jsonscan.NewObject(choices.Value())
		for choice.Next() {
			if choice.Is("finish_reason") && choice.Value()[0] == '"' {
				finish = text(choice.Value())
			}
		}
		if finish != "" {
			return finish, any
		}
	}
	return finish, any
}

// choicesOf are lists of choices that a reader in one pass could misread.
var choicesOf = []string{
	`[]`, `[ ]`, `[{}]`, `[null]`, `[1]`, `[[{"finish_reason":null}]]`,
	`[{"finish_reason":null}]`, `[ { "finish_reason" : null } ]`, `[{"finish_reason"` + "\n:\t" + `"stop"}]`,
	`[{"index":0,"delta":{"content":"x"},"finish_reason":null}]`,
	`[{"index":0,"delta":{"content":"x"},"finish_reason":"length"}]`,
	`[{"finish_reason":null},{"finish_reason":"tool_calls"}]`,
	`[{"finish_reason":null,"finish_reason":"stop"}]`, `[{"finish_reason":"stop","finish_reason":null}]`,
	`[{"delta":{"content":"\"finish_reason\":null"},"finish_reason":"stop"}]`,
	`[{"delta":{"content":"a\"finish_reason"},"finish_reason":"stop"}]`,
	`[{"delta":{"content":"finish_reason"},"finish_reason":"stop"}]`,
	`[{"delta":"finish_reason","finish_reason":"stop"}]`,
	`[{"delta":{"finish_reason":null},"finish_reason":"stop"}]`,
	`[{"delta":{"finish_reason":"stop"},"finish_reason":null}]`,
	`[{"finish_reason":null,"finish\u005freason":"stop"}]`, `[{"finish\u005freason":"stop"}]`,
	`[{"a":"b" "finish_reason":"stop"},{"finish_reason":"length"}]`, `[{"finish_reason":"stop" x},{}]`, `[{},{]`,
	`["x",{"finish_reason":"stop"}]`, `[{} {"finish_reason":"stop"}]`, `[{},x,{"finish_reason":"stop"}]`,
	`[{"finish_reason":""}]`, `[{"finish_reason":"st\u006fp"}]`, `[{"finish_reason":false}]`,
}

func TestFinishReasonsAreFoundWhereverTheyStand(t *testing.T) {
	t.Parallel()
	for _, raw := range choicesOf {
		var f facts
		f.readChoices([]byte(raw))
		if finish, any := slowFinish([]byte(raw)); f.finish != finish || f.choices != any {
			t.Errorf("%s: got %q, %v, want %q, %v", raw, f.finish, f.choices, finish, any)
		}
	}
}

func FuzzChoices(f *testing.F) {
	for _, raw := range choicesOf {
		f.Add([]byte(raw))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		o := jsonscan.NewObject([]byte(`{"choices":` + string(raw) + `}`)) // bounded as a value is
		if !o.Next() || o.Next() || o.Err() != nil || o.ValueEnd-o.ValueStart == 0 {
			return
		}
		value := []byte(strings.TrimSpace(string(raw)))
		if len(value) == 0 || value[0] != '[' {
			return
		}
		var got facts
		got.readChoices(value)
		if finish, any := slowFinish(value); got.finish != finish || got.choices != any {
			t.Fatalf("got %q, %v, want %q, %v", got.finish, got.choices, finish, any)
		}
	})
}

func TestModelNamesAreThoseOfTheAnswer(t *testing.T) {
	t.Parallel()
	var names modelNames
	long := strings.Repeat("m", 2*maxModelName)
	for _, c := range []struct{ raw, asked, want string }{
		{`"gpt"`, "gpt", "gpt"},
		{`"gpt-2"`, "gpt", "gpt-2"},
		{`"gpt-2"`, "gpt", "gpt-2"},
		{`"gpt-3"`, "", "gpt-3"},
		{`""`, "gpt", ""},
		{`"a\u0062"`, `a\u0062`, "ab"},
		{`"ab"`, "", "ab"},
		{`"` + long + `"`, "", long},
		{`7`, "7", ""}, {`null`, "ul", ""}, {``, "", ""},
	} {
		if got := names.text([]byte(c.raw), c.asked); got != c.want {
			t.Errorf("%s, asked for %q: got %q", c.raw, c.asked, got)
		}
	}
}

func TestAnEditThatWasUsedBeforeKnowsNothingOfIt(t *testing.T) {
	t.Parallel()
	s := newService(t, answerJSON(200, `{"choices":[{"finish_reason":"stop"}]}`))
	e := s.open(t, dialect(nil), nil)
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 { // edits are handed from one to the next
		model := strings.Repeat("m", 1+r.IntN(30))
		if _, err := s.call(t, e, "chat", `{"model":"`+model+`","stream":true}`); err != nil {
			t.Fatal(err)
		}
		if got := (<-s.requests).body; got != `{"model":"`+model+`"}` {
			t.Fatalf("sent %s", got)
		}
		if _, err := s.call(t, e, "chat", `{"x":1}`); err != nil {
			t.Fatal(err)
		}
		if got := (<-s.requests).body; got != `{"model":"acme-default","x":1}` {
			t.Fatalf("sent %s", got)
		}
	}
}
