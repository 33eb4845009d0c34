package main

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/backplane-dev/backplane/plugins/internal/plugintest"
)

func FuzzOnlyTheFieldIsSet(f *testing.F) {
	for _, seed := range []string{`{}`, ` { } `, `{"model":"a"}`, `{"x":[1,{"model":2}],"model" : null ,"y":"\u0041"}`, `{"model":1,"model":2}`, `[]`, `{"a":1,}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, object []byte) {
		var before map[string]json.RawMessage
		if json.Unmarshal(object, &before) != nil || before == nil {
			return
		}
		var after map[string]json.RawMessage
		if err := json.Unmarshal(setField(object, "model", []byte(`"m"`)), &after); err != nil {
			t.Fatal(err)
		}
		delete(before, "model")
		if string(after["model"]) != `"m"` {
			t.Errorf("%s: the model is %s", object, after["model"])
		}
		delete(after, "model")
		if !reflect.DeepEqual(before, after) {
			t.Errorf("%s became %s", encoded(before), encoded(after))
		}
	})
}

// FuzzStream looks for streams on which the translation panics, hangs, or takes
// half an answer for a whole one.
func FuzzStream(f *testing.F) {
	var seeds [][]byte
	for _, name := range []string{"message", "tools", "foreign"} {
		seeds = append(seeds, plugintest.Testdata(f, "streams/"+name+".sse"))
	}
	settings := func(url string) plugintest.Settings { return plugintest.Settings{"base_url": url} }
	plugintest.FuzzChatStream(f, New(), testKey, settings, typeSSE, seeds...)
}
