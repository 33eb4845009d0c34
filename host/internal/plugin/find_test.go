package plugin

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// touch makes a file with the given mode in dir and returns its path.
func touch(t *testing.T, dir, name string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte("x"), mode); err != nil {
		t.Fatal(err)
	}
	return path
}

// wantError fails unless err has all the given pieces of text.
func wantError(t *testing.T, err error, pieces ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("got no error, want one with %q", pieces)
	}
	for _, piece := range pieces {
		if !strings.Contains(err.Error(), piece) {
			t.Errorf("got error %q, want it to contain %q", err, piece)
		}
	}
}

func TestFindReturnsTheBinaryOfTheName(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	want := touch(t, dir, "backplane-provider-open-ai2", 0o755)
	got, err := Find("open-ai2", dir, "")
	if err != nil || got != want {
		t.Errorf("Find = %q, %v; want %q", got, err, want)
	}
}

func TestFindPrefersTheExplicitPathAndMakesItAbsolute(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	touch(t, dir, "backplane-provider-x", 0o755)
	want := touch(t, dir, "other", 0o755)
	wd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	relative, err := filepath.Rel(wd, want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Find("x", dir, relative)
	if err != nil || got != want {
		t.Errorf("Find = %q, %v; want %q", got, err, want)
	}
}

func TestFindSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	full, empty, linked := t.TempDir(), t.TempDir(), t.TempDir()
	touch(t, full, "backplane-provider-openai", 0o755)
	touch(t, full, "backplane-provider-echo", 0o755)
	touch(t, full, "backplane-provider-plain", 0o644)
	touch(t, full, "notes.txt", 0o644)
	if err := os.Mkdir(filepath.Join(full, "backplane-provider-dir"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(linked, "away"), filepath.Join(linked, "backplane-provider-link")); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		about, name, dir, path string
		want                   []string
	}{
		{"a typo", "opanai", full, "", []string{`provider "opanai"`, "echo, openai, plain", `did you mean "openai"?`}},
		{"nothing near", "zzz", full, "", []string{"backplane-provider-zzz is not in", "echo, openai, plain"}},
		{"an empty directory", "x", empty, "", []string{"holds no provider", "put backplane-provider-x there"}},
		{"no directory", "x", filepath.Join(empty, "no"), "", []string{"does not exist", "set plugin_dir"}},
		{"not executable", "plain", full, "", []string{"is not executable: run chmod +x", "backplane-provider-plain"}},
		{"a directory", "dir", full, "", []string{"is a directory"}},
		{"a wrong explicit path", "x", full, filepath.Join(full, "gone"), []string{`provider "x"`, "gone", "file does not exist"}},
		{"a link to nothing", "link", linked, "", []string{`provider "link"`, "is a link to " + filepath.Join(linked, "away"), "does not exist"}},
		{"a device", "x", full, os.DevNull, []string{"is not a regular file"}},
		{"a path as name", "../x", full, "", []string{"not valid", "lower-case letters"}},
		{"no name", "", full, "", []string{"not valid"}},
	}
	for _, tt := range tests {
		t.Run(tt.about, func(t *testing.T) {
			t.Parallel()
			_, err := Find(tt.name, tt.dir, tt.path)
			wantError(t, err, tt.want...)
		})
	}
}
