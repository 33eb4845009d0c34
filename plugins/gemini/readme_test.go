package main

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/plugins/internal/plugintest"
)

func TestTheReadmeSaysWhatTheCodeDoes(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	readme, m := string(data), New().Describe()
	plugintest.CheckReadme(t, m)
	names := slices.Concat(dropped, slices.Collect(maps.Keys(refused)), slices.Collect(maps.Keys(statuses)),
		slices.Collect(maps.Keys(finishReasons)), slices.Collect(maps.Keys(failures)), m.Credential.Env,
		[]string{defaultModel, defaultEmbeddingModel, partsField, signatureField})
	for _, name := range names {
		if !strings.Contains(readme, "`"+name+"`") {
			t.Errorf("%s is not named", name)
		}
	}
}
