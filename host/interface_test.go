package host_test

import (
	"os"
	"regexp"
	"testing"

	"github.com/backplane-dev/backplane/host/internal/testnames"
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
	tests := testnames.New(t, "..")
	for _, n := range named {
		if dir, name := n[1], n[2]; !tests.Has(dir, name) {
			t.Errorf("there is no %s in %s", name, dir)
		}
	}
}
