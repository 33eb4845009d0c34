package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/plugins/internal/plugintest"
)

func TestTheReadmeSaysWhatTheCodeSays(t *testing.T) {
	t.Parallel()
	plugintest.CheckReadme(t, New().Describe())
	data, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	readme := string(data)
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
