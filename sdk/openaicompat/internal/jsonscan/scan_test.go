package jsonscan

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

func members(data []byte) (map[string]string, error) {
	got := map[string]string{}
	o := NewObject(data)
	for o.Next() {
		var key string
		if err := json.Unmarshal(o.data[o.KeyStart:o.KeyEnd], &key); err != nil {
			return nil, err
		}
		if !o.Is(key) {
			panic("a key is not what it says it is")
		}
		got[key] = string(o.Value())
	}
	return got, o.Err()
}

func TestObjectFindsTheTopLevelMembers(t *testing.T) {
	t.Parallel()
	got, err := members([]byte(` { "model" : "a\"b" , "n":-1.5e3,"l":[1,{"model":"no"},"]"], "o":{"}":"{"},"t":true,"f":false,"z":null,"mod\u0065":0 } `))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"model": `"a\"b"`, "n": "-1.5e3", "l": `[1,{"model":"no"},"]"]`, "o": `{"}":"{"}`,
		"t": "true", "f": "false", "z": "null", "mode": "0",
	}
	if len(got) != len(want) {
		t.Errorf("got %v", got)
	}
	for k, v := range want {
		if got[k] != v {
			t.Errorf("%s: got %s, want %s", k, got[k], v)
		}
	}
}

func TestObjectRefusesWhatIsNoObject(t *testing.T) {
	t.Parallel()
	for input, words := range map[string]string{
		" ":                     "ends where an object is expected",
		"[]":                    "an object is expected at byte 0",
		`"a"`:                   "an object is expected at byte 0",
		`{`:                     "ends where a key in quotes is expected",
		`{"a"`:                  "ends where ':' after a key is expected",
		`{"a":`:                 "ends where a value is expected",
		`{"a":}`:                "a value is expected at byte 5",
		`{"a":1`:                "ends where ',' or '}' is expected",
		`{"a":1,}`:              "a key in quotes is expected at byte 7",
		`{,"a":1}`:              "a key in quotes is expected at byte 1",
		`{"a":1 "b":2}`:         "',' or '}' is expected at byte 7",
		`{"a":1}x`:              "nothing after the object is expected at byte 7",
		`{"a":1}{"a":2}`:        "nothing after the object is expected at byte 7",
		`{"a":tru}`:             "a value is expected at byte 5",
		`{"a":nul`:              "a value is expected at byte 5",
		`{"a":"x}`:              "ends where the end of a string is expected",
		`{"a`:                   "the end of a string is expected",
		`{"a":{"b":1}`:          "ends where ',' or '}' is expected",
		`{"a":[1,2}`:            "the other kind of closing bracket is expected at byte 9",
		`{"a":[1,"x]}`:          "ends where the end of a string is expected",
		"\xef\xbb\xbf{}":        "an object is expected at byte 0",
		`{'a':1}`:               "a key in quotes is expected at byte 1",
		`{"a":1}` + "\x00":      "nothing after the object is expected at byte 7",
		`{"a":[` + "[[[1]]]}":   "the other kind of closing bracket",
		`{"a":"x\"}`:            "ends where the end of a string is expected",
		`{"a":"x\\","b":` + "}": "a value is expected",
	} {
		if _, err := members([]byte(input)); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%q: got %v, want words %q", input, err, words)
		}
	}
}

func TestArrayFindsTheElements(t *testing.T) {
	t.Parallel()
	for input, want := range map[string]string{
		"[]": "", "[ ]": "", ` [1 , {"a":[2]},"x,y" ] `: `1|{"a":[2]}|"x,y"`,
	} {
		var got []string
		a := NewArray([]byte(input))
		for a.Next() {
			got = append(got, string(a.Value()))
		}
		if strings.Join(got, "|") != want || a.Err() != nil {
			t.Errorf("%s: got %q, %v; want %s", input, got, a.Err(), want)
		}
	}
	for _, input := range []string{"", "{}", "[1", "[1 2]", "[,1]", "[1,]", "null", "[x]"} {
		a := NewArray([]byte(input))
		for a.Next() {
			continue
		}
		if a.Err() == nil {
			t.Errorf("%q: got no error", input)
		}
	}
}

func TestObjectsOfAnArrayAreReadInPlace(t *testing.T) {
	t.Parallel()
	for input, want := range map[string]string{
		`[]`: "", ` [ {"a":1} , {"b":{"c":[2]}, "d":3} ] `: "a=1 |b={\"c\":[2]} d=3 |",
		`[1,{"a":1},"x",[{"b":2}],{}]`: "|a=1 ||||",
		`[{"a":1 "b":2},{"c":3}]`:      "a=1 |c=3 |", // what is wrong inside an element is passed over
		`[{"a":1},{"b":2}`:             "a=1 |b=2 |error",
		`[{"a":1} {"b":2}]`:            "a=1 |error",
		`[{"a":1},]`:                   "a=1 |error",
		`[{"a":]`:                      "|error",
		`{}`:                           "error", ``: "error", `[`: "error",
	} {
		got := ""
		a := NewArray([]byte(input))
		var o Object
		for a.NextObject(&o) {
			for o.Next() {
				got += string(o.Key()) + "=" + string(o.Value()) + " "
			}
			got += "|"
		}
		if a.Err() != nil {
			got += "error"
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", input, got, want)
		}
	}
}

func TestAnObjectOfAnArrayNeedNotBeReadToItsEnd(t *testing.T) {
	t.Parallel()
	a := NewArray([]byte(`[{"a":1,"b":2},{"c":3}]`))
	var o Object
	if !a.NextObject(&o) || !o.Next() || !a.NextObject(&o) || !o.Next() || !o.Is("c") {
		t.Errorf("got %s", o.Key())
	}
}

// TestStringsEndAtTheFirstQuoteThatIsNotEscaped tries every arrangement of quotes
// and escapes at every distance from the start: strings are searched in words, and
// long ones in another way.
func TestStringsEndAtTheFirstQuoteThatIsNotEscaped(t *testing.T) {
	t.Parallel()
	const alphabet = `a"\`
	for before := range 2*shortString + 10 {
		for pattern := range 3 * 3 * 3 * 3 {
			text := strings.Repeat("x", before)
			for n := pattern; n > 0; n /= 3 {
				text += alphabet[n%3 : n%3+1]
			}
			for _, after := range []string{"", `"`, strings.Repeat("y", 9) + `"`, strings.Repeat("y", 2*shortString) + `"z`} {
				data := []byte(`"` + text + after)
				want := 0
				for at := 1; at < len(data) && want == 0; at++ {
					switch data[at] {
					case '\\':
						at++
					case '"':
						want = at + 1
					}
				}
				if got, ok := skipString(data, 0); got != want || ok != (want > 0) {
					t.Fatalf("%s ends at %d, not %d", data, got, want)
				}
			}
		}
	}
}

func TestDeepNestingIsSkipped(t *testing.T) {
	t.Parallel()
	for _, depth := range []int{1, 63, 64, 65, 66, 1000} {
		for _, kind := range []string{"[]", "{}"} {
			inside := strings.Repeat(`{"a":[`, depth) + "1" + strings.Repeat(`]}`, depth)
			if kind == "{}" {
				inside = strings.Repeat(`{"a":`, depth) + "1" + strings.Repeat(`}`, depth)
			}
			got, err := members([]byte(`{"deep":` + inside + `,"model":"m"}`))
			if err != nil || got["model"] != `"m"` || got["deep"] != inside {
				t.Errorf("depth %d of %s: %v", depth, kind, err)
			}
		}
	}
}

func FuzzObject(f *testing.F) {
	for _, s := range []string{`{}`, `{"a":1,"b":[{"c":"\\\""}],"a":{"d":null}}`, ` { "mod\u0065l" : "x" } `, `{"a":[}`, `{"a":-}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var want map[string]json.RawMessage
		err := json.Unmarshal(data, &want)
		isObject := err == nil && want != nil
		o := NewObject(data)
		got := map[string][]byte{}
		for o.Next() {
			var key string
			if json.Unmarshal(data[o.KeyStart:o.KeyEnd], &key) == nil {
				got[key] = o.Value()
			}
		}
		if !isObject {
			return // what is skipped may be wrong, and not all wrong is seen
		}
		if o.Err() != nil {
			t.Fatalf("valid object refused: %v", o.Err())
		}
		if len(got) != len(want) {
			t.Fatalf("got %d members, want %d", len(got), len(want))
		}
		for k, v := range want {
			if !bytes.Equal(got[k], v) {
				t.Fatalf("%q: got %s, want %s", k, got[k], v)
			}
		}
	})
}

func FuzzArray(f *testing.F) {
	f.Add([]byte(`[1,"a",[2],{"b":3}]`))
	f.Add([]byte(` [ ] `))
	f.Fuzz(func(t *testing.T, data []byte) {
		var want []json.RawMessage
		if json.Unmarshal(data, &want) != nil || want == nil {
			return
		}
		a := NewArray(data)
		n := 0
		for a.Next() {
			if n >= len(want) || !bytes.Equal(a.Value(), want[n]) {
				t.Fatalf("element %d: got %s", n, a.Value())
			}
			n++
		}
		if a.Err() != nil || n != len(want) {
			t.Fatalf("got %d elements, want %d; error %v", n, len(want), a.Err())
		}
	})
}
