package main

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/sdk/schema"
)

func TestTheReadmeSaysWhatTheCodeDoes(t *testing.T) {
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
		if row := "| `" + op.Name + "` | " + strings.Join(modes, ", ") + " |"; !strings.Contains(readme, row) {
			t.Errorf("there is no row %s", row)
		}
	}
	names := slices.Concat(dropped, slices.Collect(maps.Keys(refused)), slices.Collect(maps.Keys(statuses)),
		slices.Collect(maps.Keys(finishReasons)), slices.Collect(maps.Keys(failures)), m.Credential.Env,
		[]string{defaultModel, defaultEmbeddingModel, partsField, signatureField})
	for _, name := range names {
		if !strings.Contains(readme, "`"+name+"`") {
			t.Errorf("%s is not named", name)
		}
	}
}
