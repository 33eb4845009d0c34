//go:build linux

package plugin

import (
	"maps"
	"os"
	"testing"

	"go.uber.org/goleak"
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
