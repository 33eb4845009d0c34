package main

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// libraries are the modules that Backplane is built on by decision: if one is
// no longer used by the product itself, that decision was changed unseen.
var libraries = map[string]string{
	"github.com/hashicorp/go-plugin":   "runs providers as processes of their own",
	"google.golang.org/grpc":           "carries calls between host and plugin",
	"github.com/hashicorp/go-hclog":    "carries the log lines of host and plugins",
	"github.com/hashicorp/hcl/v2":      "is the configuration's language",
	"github.com/eapache/go-resiliency": "holds the breaker's states and the retry loop",
}

func TestTheChosenLibrariesAreRequiredAndUsed(t *testing.T) {
	t.Parallel()
	mod, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	var imported []string // by the product: go list leaves tests out here
	for _, p := range listPackages(t) {
		imported = append(imported, p.Imports...)
	}
	for path, why := range libraries {
		if !strings.Contains(string(mod), path+" v") {
			t.Errorf("go.mod does not require %s, which %s", path, why)
		}
		if !slices.ContainsFunc(imported, func(i string) bool { return below(i, path+"/...") }) {
			t.Errorf("nothing but tests imports %s, which %s", path, why)
		}
	}
}
