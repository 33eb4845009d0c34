package jsonscan

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

func TestEditChangesTheMembersAndNothingElse(t *testing.T) {
	t.Parallel()
	model := Change{Key: "model", Value: []byte(`"m"`)}
	stream := Change{Key: "stream", Value: []byte(`true`)}
	rename := Change{Key: "max_tokens", Name: "max_completion_tokens"}
	remove := Change{Key: "user", Remove: true}
	tests := map[string]struct {
		body    string
		changes []Change
		want    string
	}{
		"replace":                     {` {"a":1, "model" : "x" ,"b":[ 2 ]} `, []Change{model}, ` {"a":1, "model" : "m" ,"b":[ 2 ]} `},
		"add first":                   {`{ "a":1}`, []Change{model}, `{"model":"m", "a":1}`},
		"add to an empty object":      {`{ }`, []Change{model}, `{"model":"m" }`},
		"add two":                     {`{"a":1}`, []Change{model, stream}, `{"model":"m","stream":true,"a":1}`},
		"replace all of the same key": {`{"model":"x","model":"y"}`, []Change{model}, `{"model":"m","model":"m"}`},
		"a key written with escapes":  {`{"mod\u0065l":"x"}`, []Change{model}, `{"mod\u0065l":"m"}`},
		"not inside other values":     {`{"a":{"model":"x"}}`, []Change{model}, `{"model":"m","a":{"model":"x"}}`},
		"a default that is there":     {`{"model":"x"}`, []Change{{Key: "model", Value: []byte(`"m"`), Default: true}}, `{"model":"x"}`},
		"a default that is missing":   {`{}`, []Change{{Key: "model", Value: []byte(`"m"`), Default: true}}, `{"model":"m"}`},
		"rename":                      {`{"max_tokens" : 5,"a":1}`, []Change{rename}, `{"max_completion_tokens" : 5,"a":1}`},
		"rename to a name in use":     {`{"max_tokens":5,"max_completion_tokens":6}`, []Change{rename}, `{"max_completion_tokens":6}`},
		"remove the first":            {`{"user":"u", "a":1}`, []Change{remove}, `{ "a":1}`},
		"remove the middle":           {`{"a":1, "user":"u", "b":2}`, []Change{remove}, `{"a":1, "b":2}`},
		"remove the last":             {`{"a":1, "user":"u" }`, []Change{remove}, `{"a":1 }`},
		"remove the only one":         {`{ "user":"u" }`, []Change{remove}, `{ }`},
		"remove several":              {`{"user":1,"user":2,"a":3,"user":4}`, []Change{remove}, `{"a":3}`},
		"remove first and add":        {`{"user":"u","a":1}`, []Change{remove, model}, `{"model":"m","a":1}`},
		"all at once":                 {`{"user":1,"model":"x","max_tokens":2}`, []Change{model, stream, rename, remove}, `{"stream":true,"model":"m","max_completion_tokens":2}`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := Edit([]byte(tt.body), tt.changes)
			if err != nil || string(got) != tt.want {
				t.Errorf("got %s, %v; want %s", got, err, tt.want)
			}
			if !json.Valid(got) {
				t.Errorf("%s is no JSON", got)
			}
		})
	}
}

func TestEditMakesAValueOfTheOldOne(t *testing.T) {
	t.Parallel()
	more := func(old []byte) []byte {
		if old == nil {
			return []byte("1")
		}
		return append([]byte("1"), old...)
	}
	for body, want := range map[string]string{`{"n":2}`: `{"n":12}`, `{}`: `{"n":1}`, `{"n":2,"n":3}`: `{"n":13,"n":13}`} {
		if got, err := Edit([]byte(body), []Change{{Key: "n", Make: more}}); err != nil || string(got) != want {
			t.Errorf("%s: got %s, %v; want %s", body, got, err, want)
		}
	}
	same := []byte(`{"n":2}`)
	got, err := Edit(same, []Change{{Key: "n", Make: func(old []byte) []byte { return old }}})
	if err != nil || &got[0] != &same[0] {
		t.Errorf("got a copy, or %v", err)
	}
}

func TestEditReturnsABodyThatNeedsNoChangeAsItIs(t *testing.T) {
	t.Parallel()
	body := []byte(`{"model":"m","stream":true}`)
	got, err := Edit(body, []Change{{Key: "model", Value: []byte(`"m"`)}, {Key: "max_tokens", Name: "n"}, {Key: "user", Remove: true}})
	if err != nil || &got[0] != &body[0] {
		t.Errorf("got a copy, or %v", err)
	}
}

func TestEditRefusesWhatIsNoObject(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"", "null", "[]", `{"model":`, `{"model":"x"} trailing`} {
		if got, err := Edit([]byte(body), []Change{{Key: "model", Value: []byte("1")}}); err == nil {
			t.Errorf("%q: got %s", body, got)
		}
	}
}

func TestStringsAreWrittenAsJSON(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", "gpt-4o", `a"b\c`, "line\nend", "ä€😀", "\x00", "<b>&"} {
		var back string
		if err := json.Unmarshal(AppendString(nil, s), &back); err != nil || back != s {
			t.Errorf("%q came back as %q, %v", s, back, err)
		}
	}
}

func FuzzEdit(f *testing.F) {
	f.Add([]byte(`{"model":"x","a":[1]}`), uint8(0))
	f.Add([]byte(` { "user" : 1 , "max_tokens":2,"user":3} `), uint8(7))
	f.Fuzz(func(t *testing.T, body []byte, which uint8) {
		all := []Change{
			{Key: "model", Value: []byte(`"m"`)},
			{Key: "user", Remove: true},
			{Key: "max_tokens", Name: "limit"},
			{Key: "stream", Value: []byte("true"), Default: true},
		}
		var changes []Change
		for i, c := range all {
			if which&(1<<i) != 0 {
				changes = append(changes, c)
			}
		}
		var want map[string]any
		if json.Unmarshal(body, &want) != nil || want == nil || strings.Contains(string(body), `\`) {
			return
		}
		got, err := Edit(body, changes)
		if err != nil {
			t.Fatal(err)
		}
		var back map[string]any
		if err := json.Unmarshal(got, &back); err != nil {
			t.Fatalf("%s is no JSON: %v", got, err)
		}
		apply(want, changes)
		if !reflect.DeepEqual(back, want) {
			t.Fatalf("got %s, want %v", got, want)
		}
	})
}

// apply makes the changes the obvious way.
func apply(m map[string]any, changes []Change) {
	for _, c := range changes {
		value, present := m[c.Key]
		switch {
		case c.Remove:
			delete(m, c.Key)
		case c.Name != "" && present:
			delete(m, c.Key)
			if _, taken := m[c.Name]; !taken {
				m[c.Name] = value
			}
		case c.Value != nil && !(c.Default && present):
			_ = json.Unmarshal(c.Value, &value)
			m[c.Key] = value
		}
	}
}

func body(size int) []byte {
	return []byte(`{"messages":[{"role":"user","content":"` + strings.Repeat("word \\\"x\\\" ", size/11) + `"}],"temperature":0.5,"model":"gpt-4o","stream":true}`)
}

func BenchmarkEdit(b *testing.B) {
	for name, size := range map[string]int{"2KB": 2 << 10, "200KB": 200 << 10} {
		data := body(size)
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			changes := []Change{{Key: "model", Value: []byte(`"other"`)}, {Key: "stream_options", Value: []byte(`{"include_usage":true}`)}}
			for b.Loop() {
				if _, err := Edit(data, changes); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkScan(b *testing.B) {
	data := body(200 << 10)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		o := NewObject(data)
		for o.Next() {
			continue
		}
	}
}
