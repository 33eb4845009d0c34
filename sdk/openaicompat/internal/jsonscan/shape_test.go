package jsonscan

import (
	"strings"
	"testing"
)

var shapeKeys = map[string]struct{}{"content": {}, "n": {}}

func TestAShapeFitsWhatDiffersInItsHolesOnly(t *testing.T) {
	t.Parallel()
	const learned = `{"id":"c1","n" : 7,"c":[{"delta":{"content":"hi"},"end":null}]}`
	for data, want := range map[string]bool{
		learned: true,
		`{"id":"c1","n" : 8,"c":[{"delta":{"content":"another \"text\""},"end":null}]}`:  true,
		`{"id":"c1","n" : 12.5,"c":[{"delta":{"content":""},"end":null}]}`:               true,
		`{"id":"c1","n" : 7,"c":[{"delta":{"content":null},"end":null}]}`:                true,
		`{"id":"c1","n" : 7,"c":[{"delta":{"content":{"content":["x"]}},"end":null}]}`:   true,
		`{"id":"c1","n" : 7,"c":[{"delta":{"content":"hi\\"},"end":null}]}`:              true,
		`{"id":"c1","n" : 7,"c":[{"delta":{"content":"},\"end\":null}]}"},"end":null}]}`: true,
		`{"id":"c2","n" : 7,"c":[{"delta":{"content":"hi"},"end":null}]}`:                false,
		`{"id":"c1","n" : ,"c":[{"delta":{"content":"hi"},"end":null}]}`:                 false,
		`{"id":"c1","n" :  7,"c":[{"delta":{"content":"hi"},"end":null}]}`:               false,
		`{"id":"c1","n" : 7x,"c":[{"delta":{"content":"hi"},"end":null}]}`:               false,
		`{"id":"c1","n" : 7,"c":[{"delta":{"content":"hi"},"end":1}]}`:                   false,
		`{"id":"c1","n" : 7,"c":[{"delta":{"content":"hi"},"end":"stop"}]}`:              false,
		`{"id":"c1","n" : 7,"c":[{"delta":{"content":"hi","end":null}]}`:                 false,
		`{"id":"c1","n" : 7,"c":[{"delta":{"content":"hi","role":"a"},"end":null}]}`:     false,
		`{"id":"c1","n" : 7,"c":[{"delta":{"content":"hi\"},"end":null}]}`:               false,
		`{"id":"c1","n" : 7,"c":[{"delta":{"content":"hi\\\"},"end":null}]}`:             false,
		`{"id":"c1","n" : 7,"c":[{"delta":{"content":"hi"x"},"end":null}]}`:              false,
		`{"id":"c1","n" : 7,"c":[{"delta":{"content":[},"end":null}]}`:                   false,
		`{"id":"c1","n" : 7,"c":[{"delta":{"content":hi},"end":null}]}`:                  false,
		learned + " ":                     false,
		learned + "}":                     false,
		" " + learned:                     false,
		learned + learned:                 false,
		strings.ToUpper(learned):          false,
		strings.Repeat(" ", len(learned)): false,
		"":                                false,
	} {
		var s Shape
		s.Learn([]byte(learned), shapeKeys)
		if got := s.Fits([]byte(data)); got != want {
			t.Errorf("%s: got %v", data, got)
		}
	}
	var s Shape
	s.Learn([]byte(learned), shapeKeys)
	for end := range learned {
		if s.Fits([]byte(learned[:end])) {
			t.Errorf("%s fits", learned[:end])
		}
	}
}

func TestAShapeNeedsAHole(t *testing.T) {
	t.Parallel()
	for name, data := range map[string]string{
		"no member of the name":   `{"id":"c1"}`,
		"a text that is the name": `{"id":"content","x":["content"]}`,
		"the name in a text":      `{"id":"\"content\":\"x\""}`,
		"the name with an escape": `{"cont\u0065nt":"x"}`,
		"an object":               `{"content":{"id":"x"}}`,
		"no value":                `{"x":["content":]}`,
		"nothing":                 ``,
		"large":                   `{"id":"` + strings.Repeat("x", maxShape) + `","content":"x"}`,
		"large at the end":        `{"content":"x","id":"` + strings.Repeat("x", maxShape) + `"}`,
	} {
		var s Shape
		s.Learn([]byte(`{"content":"x"}`), shapeKeys)
		if s.Learn([]byte(data), shapeKeys); s.Fits([]byte(data)) || s.Fits([]byte(`{"content":"x"}`)) {
			t.Errorf("%s: %s fits", name, data)
		}
	}
	if new(Shape).Fits(nil) {
		t.Error("nothing fits a shape that learned nothing")
	}
}

func TestAShapeHasNoMoreThanItsHoles(t *testing.T) {
	t.Parallel()
	member := `"content":"x",`
	var s Shape
	s.Learn([]byte("{"+strings.Repeat(member, maxHoles+1)+`"a":0}`), shapeKeys)
	for i := range maxHoles + 1 {
		other := "{" + strings.Repeat(member, i) + `"content":"other",` + strings.Repeat(member, maxHoles-i) + `"a":0}`
		if got := s.Fits([]byte(other)); got != (i < maxHoles) {
			t.Errorf("a difference in member %d: fits: %v", i, got)
		}
	}
}

func TestALongTextIsNoPartOfAShape(t *testing.T) {
	t.Parallel()
	var s Shape
	s.Learn([]byte(`{"content":"`+strings.Repeat("x", 4*maxShape)+`"}`), shapeKeys)
	if !s.Fits([]byte(`{"content":"y"}`)) || cap(s.fixed) > 2*maxShape {
		t.Errorf("fits: %v, with %d bytes", s.Fits([]byte(`{"content":"y"}`)), cap(s.fixed))
	}
}

// FuzzShape compares with the scan: what fits is accepted by it too, and all
// members but those of the keys have the same values.
func FuzzShape(f *testing.F) {
	f.Add(`{"id":"c1","content":"a","c":[{"content":"b","n":1}]}`, `{"id":"c1","content":"\"","c":[{"content":"","n":22}]}`)
	f.Add(`{"c":["content":"a"],"n":{}}`, `{"c":["content":[1]],"n":[]}`)
	f.Add(`{"content":"a\"`+`"}`, `{"content":"a\\"}`)
	f.Fuzz(func(t *testing.T, one, two string) {
		first, err := topLevel(one)
		if err != nil {
			return
		}
		var s Shape
		if s.Learn([]byte(one), shapeKeys); s.n > 0 && !s.Fits([]byte(one)) {
			t.Fatal("an object does not fit its own shape")
		}
		if !s.Fits([]byte(two)) {
			return
		}
		second, err := topLevel(two)
		if err != nil {
			t.Fatalf("%q fits the shape of %q and is refused: %v", two, one, err)
		}
		if len(first) != len(second) {
			t.Fatalf("%q has other members than %q", two, one)
		}
		for i, m := range first {
			_, free := shapeKeys[m.key]
			same := m.value == second[i].value
			// Values that hold a value of one of the keys can differ, but stay of
			// their kind.
			same = same || m.value[0] == second[i].value[0] && strings.ContainsRune("{[", rune(m.value[0]))
			if m.key != second[i].key || !free && !same {
				t.Fatalf("%q has %v in place of %v", two, second[i], m)
			}
		}
	})
}

type keyValue struct{ key, value string }

func topLevel(data string) ([]keyValue, error) {
	var list []keyValue
	o := NewObject([]byte(data))
	for o.Next() {
		list = append(list, keyValue{string(o.Key()), string(o.Value())})
	}
	return list, o.Err()
}
