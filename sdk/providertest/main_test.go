package providertest_test

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// binaries is where tests build plugins, removed at the end.
var binaries string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "providertest")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	binaries = dir
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		if err := os.RemoveAll(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(code)
	}))
}
