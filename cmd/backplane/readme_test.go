package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// This keeps the README's configuration and commands true; its session is in
// testdata/script/example.txtar.
func TestReadmeShowsWhatWorks(t *testing.T) {
	t.Setenv("OPENAI_API_KEY", "sk-readme")
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```hcl\n(.*?)```").FindAllSubmatch(readme, -1)
	if len(blocks) == 0 {
		t.Fatal("the README shows no configuration")
	}
	plugins := buildPlugins(t, "echo", "openai")
	for i, block := range blocks {
		file := filepath.Join(t.TempDir(), "readme.hcl")
		if err := os.WriteFile(file, block[1], 0o600); err != nil {
			t.Fatal(err)
		}
		var out, talk bytes.Buffer
		if code := run(t.Context(), []string{"validate", "-config", file, "-plugin-dir", plugins}, nil, &out, &talk); code != 0 {
			t.Errorf("configuration %d: exit code %d\n%s", i+1, code, talk.String())
		}
	}
	for _, line := range regexp.MustCompile("`backplane ([^`]+)`").FindAllSubmatch(readme, -1) {
		words := strings.Fields(string(line[1]))
		cmd := root()
		for len(words) > 0 && cmd.setup == nil && words[0] != "help" {
			next := cmd.find(words[0])
			if next == nil {
				t.Errorf("the README names `backplane %s`, which is no command", line[1])
				break
			}
			cmd, words = next, words[1:]
		}
	}
}
