//go:build linux

package plugin

import (
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/backplane-dev/backplane/sdk/provider"
)

func openFiles(t *testing.T) int {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(fds)
}

func TestTwentyStartsAndStopsLeaveNoGoroutineFileOrDirectory(t *testing.T) {
	// Not parallel: it counts what belongs to the whole program.
	spec := testSpec(t)
	tmp := shortTempDir(t)
	t.Setenv("TMPDIR", tmp)
	cycle := func(crash bool) {
		p := New(spec, nil)
		if err := p.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		open(t, p, "e", 1, "")
		mustCall(t, p, "e", wish{})
		if crash {
			kill9(t, p)
			waitGeneration(t, p, 2)
		}
		shutDown(t, p)
	}
	cycle(false) // what is made once
	files, routines := openFiles(t), goleak.IgnoreCurrent()
	for i := range 20 {
		cycle(i%4 == 0)
	}
	failed := spec
	failed.Env = maps.Clone(spec.Env)
	failed.Env[modeEnv] = "exit"
	p := New(failed, nil)
	if err := p.Start(t.Context()); err == nil {
		t.Error("it started")
	}
	shutDown(t, p)

	goleak.VerifyNone(t, routines)
	eventually(t, "all files are closed", func() bool { return openFiles(t) <= files })
	if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
		t.Errorf("left in the temporary directory: %v, %v", left, err)
	}
}

func TestHundredsOfSwapsLeaveNoGoroutineFileProcessOrDirectory(t *testing.T) {
	// Not parallel: it counts what belongs to the whole program.
	tmp := shortTempDir(t)
	t.Setenv("TMPDIR", tmp)
	spec := testSpec(t)
	spec.Env["TMPDIR"] = tmp
	p := New(spec, nil)
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	open(t, p, "e", 1, "")
	one := func() {
		if _, err := p.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		mustCall(t, p, "e", wish{})
	}
	settled := func() bool { return len(p.Status(false).Generations) == 1 }
	one() // what is made once
	eventually(t, "the first is gone", settled)
	files, routines, children := openFiles(t), runtime.NumGoroutine(), len(childPids(t))
	for range swapsToCount {
		one()
	}
	eventually(t, "only one generation is left", settled)
	eventually(t, "all files are closed", func() bool { return openFiles(t) <= files })
	eventually(t, "all goroutines are gone", func() bool { return runtime.NumGoroutine() <= routines })
	eventually(t, "all processes are gone", func() bool { return len(childPids(t)) <= children })
	if left, err := filepath.Glob(filepath.Join(tmp, "bp-*")); err != nil || len(left) != 1 {
		t.Errorf("directories: %v, %v", left, err)
	}
	shutDown(t, p)
	if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
		t.Errorf("left in the temporary directory: %v, %v", left, err)
	}
}

func TestAFailedStartLeavesNoProcessAndNoFile(t *testing.T) {
	// Not parallel: it counts what belongs to the whole program.
	text := filepath.Join(t.TempDir(), "no-program")
	if err := os.WriteFile(text, []byte("not a program"), 0o700); err != nil {
		t.Fatal(err)
	}
	tmp := shortTempDir(t)
	t.Setenv("TMPDIR", tmp)
	children := len(childPids(t))
	for about, change := range map[string]func(*Spec){
		"it exits":            func(s *Spec) { s.Env[modeEnv] = "exit" },
		"it only prints":      func(s *Spec) { s.Env[modeEnv] = "noise-only" },
		"it listens nowhere":  func(s *Spec) { s.Env[modeEnv], s.StartTimeout = "deaf", time.Second },
		"another's socket":    func(s *Spec) { s.Env[modeEnv] = "foreign-socket" },
		"another protocol":    func(s *Spec) { s.Env[modeEnv] = "old-protocol" },
		"another version":     func(s *Spec) { s.Env[versionEnv] = "9.9.9" },
		"it refuses settings": func(s *Spec) { s.Settings = provider.NewSettings([]byte(`{"region":"west"}`)) },
		"it is no program":    func(s *Spec) { s.Path = text },
	} {
		spec := testSpec(t)
		change(&spec)
		p := New(spec, nil)
		if err := p.Start(t.Context()); err == nil {
			t.Errorf("%s: it started", about)
		}
		shutDown(t, p)
		eventually(t, about+": its processes are gone", func() bool { return len(childPids(t)) <= children })
		if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
			t.Errorf("%s: left in the temporary directory: %v, %v", about, left, err)
		}
	}
}

// childPids lists the processes that this one has started.
func childPids(t *testing.T) []string {
	t.Helper()
	var all []string
	files, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if text, err := os.ReadFile(file); err == nil { // the thread may have ended
			all = append(all, strings.Fields(string(text))...)
		}
	}
	return all
}
