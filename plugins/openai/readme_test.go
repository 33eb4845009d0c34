package main

import (
	"os"
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/sdk/schema"
)

func TestTheReadmeSaysWhatTheManifestSays(t *testing.T) {
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
	for op, model := range operationModels {
		if !strings.Contains(readme, "`"+model+"`") {
			t.Errorf("the model of %s, %s, is not named", op, model)
		}
	}
}
