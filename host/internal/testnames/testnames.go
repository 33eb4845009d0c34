// Package testnames holds pages of the documentation to the tests that they name.
package testnames

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Sources finds tests in the folders below a root. Only New makes one.
type Sources struct {
	t    testing.TB
	root string
	read map[string]string // the test files' text, by folder
}

// New makes sources for the repository whose top is at root.
func New(t testing.TB, root string) *Sources {
	return &Sources{t: t, root: root, read: make(map[string]string)}
}

// Has reports whether the package in a folder has a test of that name.
func (s *Sources) Has(dir, name string) bool {
	s.t.Helper()
	text, ok := s.read[dir]
	if !ok {
		text = s.text(dir)
		s.read[dir] = text
	}
	return strings.Contains(text, "\nfunc "+name+"(t *testing.T)")
}

func (s *Sources) text(dir string) string {
	s.t.Helper()
	files, err := filepath.Glob(filepath.Join(s.root, dir, "*_test.go"))
	if err != nil {
		s.t.Fatal(err)
	}
	var all strings.Builder
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			s.t.Fatal(err)
		}
		all.Write(text)
	}
	return all.String()
}
