//go:build unix

package plugin

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// script makes an executable shell script and returns its path.
func script(t *testing.T, body string) string {
	t.Helper()
	return program(t, []byte("#!/bin/sh\n"+body+"\n"))
}

// program makes an executable file. No fork may happen while it is open for
// writing: the child would hold it open, and the kernel refuses to run it then.
func program(t *testing.T, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "program")
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if err := os.WriteFile(path, content, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

const goodManifest = `{"name":"x","version":"1.2.3","operations":[{"name":"chat","modes":["call"]}],"protocols":[1],"of_tomorrow":7}`

func TestDescribeReadsTheManifest(t *testing.T) {
	t.Parallel()
	m, err := Describe(t.Context(), script(t, `[ "$1" = describe ] && echo '`+goodManifest+`'`))
	if err != nil {
		t.Fatal(err)
	}
	if m.Name != "x" || m.Version != "1.2.3" || len(m.Operations) != 1 {
		t.Errorf("got %+v", m)
	}
}

func TestDescribeGivesTheProgramNothing(t *testing.T) {
	// Not parallel: it changes the environment.
	t.Setenv("BACKPLANE_TEST_SECRET", "leaked")
	out := filepath.Join(t.TempDir(), "seen")
	path := script(t, `{ /usr/bin/env; echo "stdin:"; cat; } > `+out+`; echo '`+goodManifest+`'`)
	if _, err := Describe(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	seen, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(seen)) {
		name, _, _ := strings.Cut(strings.TrimSpace(line), "=")
		if name != "PWD" && name != "SHLVL" && name != "_" && name != "OLDPWD" && name != "stdin:" {
			t.Errorf("the program saw %q", line)
		}
	}
}

func TestDescribeSaysWhatTheProgramDidInstead(t *testing.T) {
	t.Parallel()
	tests := []struct {
		about, body string
		want        []string
	}{
		{"noise before", "echo hello there; echo '" + goodManifest + "'", []string{"not a manifest in JSON", `"hello there"`, "nothing else may be printed"}},
		{"noise after", "echo '" + goodManifest + "'; echo bye", []string{"text after the manifest", `"bye"`}},
		{"nothing", "true", []string{"it printed nothing", "must print its manifest"}},
		{"an exit status", "echo oh no >&2; exit 3", []string{"exit status 3", `"oh no"`, "is it a provider plugin?"}},
		{"another type", "echo '[1]'", []string{"not a manifest in JSON"}},
		{"control characters", `printf '\033[2Jboo'`, []string{`\\x1b[2Jboo`}},
		{"too much", "while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done", []string{"more than 1048576 bytes", `"xxx`}},
		{"no name", `echo '{"version":"1"}'`, []string{`name ""`, "lower-case"}},
		{"no version", `echo '{"name":"x"}'`, []string{"no version"}},
		{"no operations", `echo '{"name":"x","version":"1"}'`, []string{"declares no operations"}},
		{"another protocol", `echo '{"name":"x","version":"1","operations":[{"name":"chat"}],"protocols":[2,3]}'`, []string{"versions [2 3], this host speaks 1"}},
	}
	for _, tt := range tests {
		t.Run(tt.about, func(t *testing.T) {
			t.Parallel()
			path := script(t, tt.body)
			_, err := Describe(t.Context(), path)
			wantError(t, err, append(tt.want, path)...)
			if err != nil && strings.ContainsAny(err.Error(), "\x1b\n") {
				t.Errorf("the error has control characters: %q", err)
			}
		})
	}
}

func TestDescribeExplainsWhatCannotBeRun(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	tests := []struct {
		about, path string
		want        []string
	}{
		{"missing", filepath.Join(dir, "gone"), []string{"gone: file does not exist"}},
		{"not executable", touch(t, dir, "plain", 0o644), []string{"is not executable: run chmod +x"}},
		{"another machine's", program(t, []byte("\x7fELF\x00\x00\x00garbage")), []string{"not a program for this machine", "GOOS="}},
		{"no interpreter", program(t, []byte("#!/no/such/interpreter\n")), []string{"interpreter or a loader that is missing"}},
	}
	for _, tt := range tests {
		t.Run(tt.about, func(t *testing.T) {
			t.Parallel()
			_, err := Describe(t.Context(), tt.path)
			wantError(t, err, tt.want...)
		})
	}
}

func TestDescribeEndsAHangingProgramWithItsChildren(t *testing.T) {
	t.Parallel()
	pidFile := filepath.Join(t.TempDir(), "pid")
	path := script(t, `sleep 60 & echo $! > `+pidFile+`; echo working; wait`)
	begin := time.Now()
	_, err := Describe(t.Context(), path)
	wantError(t, err, "no answer within 5s", `"working"`)
	if took := time.Since(begin); took > 20*time.Second {
		t.Errorf("it took %v", took)
	}
	waitGone(t, readPid(t, pidFile))
}

func TestDescribeDoesNotWaitForAChildThatHoldsItsOutput(t *testing.T) {
	t.Parallel()
	path := script(t, `sleep 60 & echo '`+goodManifest+`'`)
	begin := time.Now()
	if _, err := Describe(t.Context(), path); err != nil {
		t.Errorf("got %v", err)
	}
	if took := time.Since(begin); took > 4*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestDescribeEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(100*time.Millisecond, cancel)
	_, err := Describe(ctx, script(t, "sleep 60"))
	wantError(t, err, context.Canceled.Error())
}

func TestCheckNameNamesBothProviders(t *testing.T) {
	t.Parallel()
	if err := CheckName(provider.Manifest{Name: "a"}, "a", "/p"); err != nil {
		t.Error(err)
	}
	wantError(t, CheckName(provider.Manifest{Name: "b"}, "a", "/p"), `"b"`, `not "a"`, "/p")
}
