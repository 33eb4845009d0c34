package plugintest

import (
	"os"
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/schema"
)

// CheckReadme fails the test unless the plugin's README has the table of its
// settings and a row for each operation that begins with its name and modes.
func CheckReadme(t *testing.T, m provider.Manifest) {
	t.Helper()
	data, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	readme := string(data)
	if table := schema.Markdown(m.Settings); !strings.Contains(readme, table) {
		t.Errorf("README.md does not have this table of settings:\n%s", table)
	}
	for _, op := range m.Operations {
		var modes []string
		for _, mode := range op.Modes {
			modes = append(modes, string(mode))
		}
		if row := "| `" + op.Name + "` | " + strings.Join(modes, ", ") + " |"; !strings.Contains(readme, row) {
			t.Errorf("README.md has no row %s", row)
		}
	}
}
