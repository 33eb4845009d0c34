package main

import (
	"bytes"
	"go/format"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// newProvider runs `providers new`.
func newProvider(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), append([]string{"providers", "new"}, args...), strings.NewReader(""), &out, &errs)
	return code, out.String(), errs.String()
}

func TestANewProviderBuildsAndPassesConformanceAtOnce(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "acme")
	code, out, errs := newProvider(t, "acme-2", "-dir", dir, "-module", "example.com/me/acme", "-backplane", "../..")
	if code != exitOK || !strings.Contains(out, "next: cd "+dir+" && go test ./...") {
		t.Fatalf("exit %d\n%s%s", code, out, errs)
	}
	for _, args := range [][]string{{"vet", "./..."}, {"test", "./..."}} { // the tests are the conformance kit's, in process and of the binary
		cmd := exec.CommandContext(t.Context(), "go", args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off", "GOPROXY=off")
		if said, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("go %v: %v\n%s", args, err, said)
		}
	}
}

func TestTheFilesOfANewProviderAreFormattedAndNameIt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir() // a folder that is there may be used if it is empty
	if code, _, errs := newProvider(t, "acme", "-dir", dir); code != exitOK {
		t.Fatalf("exit %d: %s", code, errs)
	}
	for _, name := range []string{"main.go", "provider.go", "provider_test.go"} {
		text := readFile(t, filepath.Join(dir, name))
		if formatted, err := format.Source(text); err != nil || !bytes.Equal(formatted, text) {
			t.Errorf("%s is not as gofmt has it (%v)", name, err)
		}
	}
	for name, want := range map[string]string{
		"provider.go": `Name: "acme"`, "README.md": "ACME_API_KEY", ".gitignore": "/backplane-provider-*",
		"go.mod": "module example.com/backplane-provider-acme\n",
	} {
		if text := string(readFile(t, filepath.Join(dir, name))); !strings.Contains(text, want) || strings.Contains(text, "<<") {
			t.Errorf("%s: %q is missing, or a place was not filled in:\n%s", name, want, text)
		}
	}
}

func TestAnUnsuitableNewProviderIsRefusedAndNothingIsWritten(t *testing.T) {
	t.Parallel()
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "mine.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	fresh := filepath.Join(t.TempDir(), "fresh")
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"-dir", fresh}, exitUsage, "needs the NAME of the new provider"},
		{[]string{"My Thing", "-dir", fresh}, exitUsage, `"My Thing" is no provider name`},
		{[]string{"acme", "-dir", full}, exitFailed, "is not empty (it has mine.txt): choose another with -dir"},
		{[]string{"acme", "-dir", fresh, "-module", "a b"}, exitUsage, `flag -module: "a b" is no path of a module`},
		{[]string{"acme", "-dir", fresh, "-backplane", full}, exitUsage, "is no checkout of github.com/backplane-dev/backplane"},
	} {
		code, _, errs := newProvider(t, c.args...)
		if code != c.code || !strings.Contains(errs, c.want) {
			t.Errorf("%v: exit %d and %q, want %d and %q", c.args, code, errs, c.code, c.want)
		}
	}
	if _, err := os.Stat(fresh); err == nil {
		t.Error("a folder was made")
	}
	if entries, _ := os.ReadDir(full); len(entries) != 1 {
		t.Errorf("the folder that was not empty has %v", entries)
	}
}

func TestTheSDKNeedsTheGoThatNewProvidersName(t *testing.T) {
	t.Parallel()
	if text := string(readFile(t, "../../go.mod")); !strings.Contains(text, "\ngo "+goVersion+"\n") {
		t.Errorf("go.mod asks for another version than %s (this is %s)", goVersion, runtime.Version())
	}
}

func readFile(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
