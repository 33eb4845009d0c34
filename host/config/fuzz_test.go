package config_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/backplane-dev/backplane/host/config"
)

// FuzzParse looks for files that make the reader panic, give a configuration in
// spite of errors, or an answer without a place.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/*.hcl")
	if err != nil || len(files) == 0 {
		f.Fatal("no fixtures", err)
	}
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte("endpoint \"a\" {\n  timeout = 1e999999999\n  settings = [for x in [1, 2] : x]\n}\n"))
	f.Add([]byte("server {\n  listen = \"\x1b[31m${env(\"A\")}\"\n  x = <<EOT\nkey\nEOT\n}\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		file, diags := config.Parse("testdata/fuzz.hcl", text, environment)
		if file == nil && !diags.HasErrors() {
			t.Error("no file and no reason")
		}
		if file != nil {
			var cfg *config.Config
			cfg, diags = file.Resolve(manifests)
			if (cfg == nil) != diags.HasErrors() {
				t.Errorf("configuration %v, diagnostics %v", cfg != nil, diags)
			}
		}
		var out bytes.Buffer
		if err := diags.Write(&out, false); err != nil {
			t.Error(err)
		}
		if utf8.Valid(text) && strings.ContainsRune(out.String(), '\x1b') {
			t.Errorf("control characters reach the terminal: %q", out.String())
		}
	})
}
