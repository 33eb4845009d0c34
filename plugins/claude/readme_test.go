package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/sdk/schema"
)

func TestTheReadmeSaysWhatTheCodeSays(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	readme, m := string(data), New().Describe()
	if table := schema.Markdown(m.Settings); !strings.Contains(readme, table) {
		t.Errorf("the table of settings is not\n%s", table)
	}
	for _, op := range m.Operations {
		var modes []string
		for _, mode := range op.Modes {
			modes = append(modes, string(mode))
		}
		want(t, readme, "| `"+op.Name+"` | "+strings.Join(modes, ", ")+" |")
	}
	for reason, word := range finishReasons {
		want(t, readme, fmt.Sprintf("| `%s` | `%s` |", reason, word))
	}
	for name, e := range efforts {
		want(t, readme, fmt.Sprintf("| `%s` | %d | `%s` |", name, e.budget, e.word))
	}
	for kind, code := range classes {
		want(t, readme, "`"+kind+"`")
		want(t, readme, "`"+string(code)+"`")
	}
	for _, reason := range reasons {
		want(t, strings.ToLower(readme), reason.text)
	}
	for _, name := range append(dropped, refused...) {
		want(t, readme, "`"+name+"`")
	}
}

func want(t *testing.T, readme, text string) {
	t.Helper()
	if !strings.Contains(readme, text) {
		t.Errorf("README.md does not have %s", text)
	}
}
