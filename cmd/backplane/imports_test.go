package main

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/backplane-dev/backplane/"

// law says what the packages below a folder may import. Paths are relative to
// the module; "x/..." means x and all below.
type law struct {
	folder  string
	may     []string // of ours, directly
	never   []string // as a dependency, however far; module-relative if ours
	stdOnly bool     // nothing but ours and the standard library
	reason  string
}

// importLaw is the whole law. The first entry whose folder fits applies.
var importLaw = []law{
	{"sdk/schema/...", nil, nil, true, "the schema of settings is for everybody"},
	{"sdk/provider/...", []string{"sdk/schema"}, nil, true, "the vocabulary is for everybody"},
	{"sdk/...", []string{"sdk/..."}, []string{"github.com/hashicorp/hcl/v2", "host"}, false, "plugin authors must not pull the host or its configuration language"},
	{"host/...", []string{"host/...", "sdk/..."}, nil, false, "the host stands on the SDK alone"},
	{"plugins/internal/...", []string{"sdk/...", "plugins/internal/..."}, []string{"github.com/hashicorp/hcl/v2"}, false, "plugins stand on the SDK alone"},
	{"plugins/...", []string{"sdk/...", "plugins/internal/..."}, []string{"github.com/hashicorp/hcl/v2"}, false, "plugins stand on the SDK alone"},
	{"cmd/...", []string{"host/...", "sdk/..."}, nil, false, "commands start plugins as binaries"},
	{"scripts/...", []string{"host/...", "sdk/...", "scripts/..."}, nil, false, "programs start plugins as binaries"},
}

// wireUsers may see the generated types. The conformance kit looks at the wire
// itself, to find what the SDK's client would put right.
var wireUsers = []string{"sdk/internal/...", "sdk/client", "sdk/providertest"}

type listedPackage struct {
	ImportPath string
	Imports    []string
	Deps       []string
}

func TestImportsFollowTheLaw(t *testing.T) {
	t.Parallel()
	for _, p := range listPackages(t) {
		path, ours := strings.CutPrefix(p.ImportPath, module)
		if !ours {
			continue
		}
		i := slices.IndexFunc(importLaw, func(l law) bool { return below(path, l.folder) })
		if i < 0 {
			t.Errorf("%s: no law for it; packages live in sdk, host, plugins, cmd and scripts", path)
			continue
		}
		rule := importLaw[i]
		for _, imported := range p.Imports {
			local, ours := strings.CutPrefix(imported, module)
			if !ours {
				continue
			}
			if !slices.ContainsFunc(rule.may, func(folder string) bool { return below(local, folder) }) {
				t.Errorf("%s imports %s: %s", path, local, rule.reason)
			}
			if below(local, "sdk/internal/providerpb") && !slices.ContainsFunc(wireUsers, func(f string) bool { return below(path, f) }) {
				t.Errorf("%s imports the generated types: they stay out of sight of all but %s", path, strings.Join(wireUsers, ", "))
			}
		}
		for _, dep := range p.Deps {
			local, ours := strings.CutPrefix(dep, module)
			first, _, _ := strings.Cut(dep, "/")
			if rule.stdOnly && !ours && strings.Contains(first, ".") {
				t.Errorf("%s depends on %s: standard library only; %s", path, dep, rule.reason)
			}
			if slices.ContainsFunc(rule.never, func(n string) bool { return below(local, n+"/...") }) {
				t.Errorf("%s depends on %s: %s", path, local, rule.reason)
			}
		}
	}
}

// below reports whether path is the folder, or below it if that ends in "/...".
func below(path, folder string) bool {
	root, all := strings.CutSuffix(folder, "/...")
	return path == root || all && strings.HasPrefix(path, root+"/")
}

func listPackages(t *testing.T) []listedPackage {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports,Deps", "./...")
	cmd.Dir = "../.."
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		t.Fatalf("go list: %v\n%s", err, exit.Stderr)
	}
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []listedPackage
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listedPackage
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

func TestImportLawItselfWorks(t *testing.T) {
	t.Parallel()
	if len(listPackages(t)) < 10 {
		t.Error("go list found almost nothing, so that the law is not looked at")
	}
	for _, test := range []struct {
		path, folder string
		want         bool
	}{
		{"sdk/provider", "sdk/...", true}, {"sdk", "sdk/...", true}, {"sdkx", "sdk/...", false},
		{"sdk/provider", "sdk", false}, {"sdk", "sdk", true},
	} {
		if got := below(test.path, test.folder); got != test.want {
			t.Errorf("below(%q, %q) = %v", test.path, test.folder, got)
		}
	}
}
