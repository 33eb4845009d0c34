package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCreateMakesOneObjectOfAllFlags(t *testing.T) {
	t.Setenv("TEST_KEY", "sk-1")
	file := filepath.Join(t.TempDir(), "spec.json")
	if err := os.WriteFile(file, []byte(`{"id":"a","provider":"echo","settings":{"seed":12345678901234567,"x":{"y":1}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		spec  endpointSpec
		id    string
		stdin string
		want  string
	}{
		"the least":     {endpointSpec{provider: "echo"}, "a", "", `{"id":"a","provider":"echo"}`},
		"a model":       {endpointSpec{provider: "echo", model: "m"}, "a", "", `{"id":"a","model":"m","provider":"echo"}`},
		"a number":      {endpointSpec{provider: "e", settings: listFlag{"speed=2.50"}}, "a", "", `{"id":"a","provider":"e","settings":{"speed":2.50}}`},
		"a text":        {endpointSpec{provider: "e", settings: listFlag{"url=http://x?a=b"}}, "a", "", `{"id":"a","provider":"e","settings":{"url":"http://x?a=b"}}`},
		"a quoted text": {endpointSpec{provider: "e", settings: listFlag{`n="5"`}}, "a", "", `{"id":"a","provider":"e","settings":{"n":"5"}}`},
		"nothing":       {endpointSpec{provider: "e", settings: listFlag{"n="}}, "a", "", `{"id":"a","provider":"e","settings":{"n":""}}`},
		"a nested one":  {endpointSpec{provider: "e", settings: listFlag{"t.a=1", "t.b=true"}}, "a", "", `{"id":"a","provider":"e","settings":{"t":{"a":1,"b":true}}}`},
		"a policy":      {endpointSpec{provider: "e", policy: listFlag{"timeout=5s", "queue.size=3"}}, "a", "", `{"id":"a","provider":"e","queue":{"size":3},"timeout":"5s"}`},
		"key in env":    {endpointSpec{provider: "e", keyEnv: "TEST_KEY"}, "a", "", `{"api_key":"sk-1","id":"a","provider":"e"}`},
		"key piped":     {endpointSpec{provider: "e", keyStdin: true}, "a", "sk-2\n", `{"api_key":"sk-2","id":"a","provider":"e"}`},
		"stdin":         {endpointSpec{file: "-"}, "", `{"id":"a"}`, `{"id":"a"}`},
		"flags on top of a file": {endpointSpec{file: file, model: "m", settings: listFlag{"x.z=2"}}, "b", "",
			`{"id":"b","model":"m","provider":"echo","settings":{"seed":12345678901234567,"x":{"y":1,"z":2}}}`},
	} {
		got, err := test.spec.body(test.id, strings.NewReader(test.stdin))
		if err != nil || string(got) != test.want {
			t.Errorf("%s: got %s, %v; want %s", name, got, err, test.want)
		}
	}
}

func TestCreateRefusesWhatCannotBeMeant(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		spec  endpointSpec
		stdin string
		want  string
	}{
		"two keys":            {endpointSpec{provider: "e", keyEnv: "A", keyStdin: true}, "", "exclude each other"},
		"stdin twice":         {endpointSpec{file: "-", keyStdin: true}, "", "both read standard input"},
		"an empty key":        {endpointSpec{provider: "e", keyStdin: true}, " \n", "standard input holds no key"},
		"a list":              {endpointSpec{file: "-"}, "[1]", "standard input is not a JSON object"},
		"null":                {endpointSpec{file: "-"}, "null", "standard input is not a JSON object"},
		"two objects":         {endpointSpec{file: "-"}, "{} {}", "standard input is not a JSON object"},
		"no file":             {endpointSpec{file: "/nowhere.json"}, "", "open /nowhere.json"},
		"no name in a set":    {endpointSpec{provider: "e", settings: listFlag{"=1"}}, "", `flag -set: "=1" is not KEY=VALUE`},
		"a hole in the path":  {endpointSpec{provider: "e", policy: listFlag{"queue..size=1"}}, "", `flag -policy: "queue..size=1" is not KEY=VALUE`},
		"no assignment":       {endpointSpec{provider: "e", policy: listFlag{"queue"}}, "", `flag -policy: "queue" is not KEY=VALUE`},
		"settings as policy":  {endpointSpec{provider: "e", policy: listFlag{"settings.x=1"}}, "", "flag -policy: use -set for a setting of the plugin"},
		"the key as a policy": {endpointSpec{provider: "e", policy: listFlag{"api_key=sk"}}, "", "flag -policy: a key is never an argument"},
	} {
		got, err := test.spec.body("a", strings.NewReader(test.stdin))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %s, %v; want %s", name, got, err, test.want)
		}
	}
}
