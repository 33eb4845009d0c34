package host_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestTheInterfacePageNamesTestsThatExist keeps interface.md honest.
func TestTheInterfacePageNamesTestsThatExist(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("interface.md")
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile(`([a-z/]+)\.(Test\w+)`).FindAllStringSubmatch(string(page), -1)
	if len(named) < 40 {
		t.Fatalf("only %d tests are named", len(named))
	}
	sources := make(map[string]string)
	for _, n := range named {
		dir, name := n[1], n[2]
		if _, read := sources[dir]; !read {
			sources[dir] = testSources(t, filepath.Join("..", dir))
		}
		if !strings.Contains(sources[dir], "\nfunc "+name+"(t *testing.T)") {
			t.Errorf("there is no %s in %s", name, dir)
		}
	}
}

func testSources(t *testing.T, dir string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	return all.String()
}
