package main

import (
	"os"
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/plugins/internal/plugintest"
)

func TestTheReadmeSaysWhatTheManifestSays(t *testing.T) {
	t.Parallel()
	plugintest.CheckReadme(t, New().Describe())
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for op, model := range operationModels {
		if !strings.Contains(string(readme), "`"+model+"`") {
			t.Errorf("the model of %s, %s, is not named", op, model)
		}
	}
}
