package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/plugins/internal/plugintest"
)

func TestTheEndpointIsTestedByItsModels(t *testing.T) {
	t.Parallel()
	s := fakeServer(t)
	if err := open(t, s.URL).TestEndpoint(t.Context(), plugintest.Request("", "")); err != nil {
		t.Fatal(err)
	}
	if sent := <-s.Requests; sent.Line() != "GET /v1/models" {
		t.Errorf("sent %s", sent.Line())
	}
}

// weight is what a binary costs before it does anything.
type weight struct {
	size   int64
	memory int64 // the most that `describe` held, KiB
	start  time.Duration
}

// weigh builds a plugin of a folder and runs `describe` a few times; the least
// of its times and of its memory counts, as the machine has other things to do.
func weigh(t *testing.T, folder string) weight {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "plugin")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, folder).CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	info, err := os.Stat(binary)
	if err != nil {
		t.Fatal(err)
	}
	w := weight{size: info.Size()}
	for i := range 7 {
		cmd := exec.CommandContext(t.Context(), binary, "describe")
		began := time.Now()
		if err := cmd.Run(); err != nil {
			t.Fatal(err)
		}
		took, memory := time.Since(began), int64(0)
		if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
			memory = int64(usage.Maxrss) //nolint:unconvert // another type on other systems
		}
		if i == 0 || took < w.start {
			w.start = took
		}
		if i == 0 || memory < w.memory {
			w.memory = memory
		}
	}
	return w
}

func TestItIsNoHeavierThanTheFullProvider(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("memory is counted in another unit")
	}
	mini, full := weigh(t, "."), weigh(t, "../openai")
	t.Logf("openai-mini %+v, openai %+v", mini, full)
	if mini.size > full.size+full.size/100 {
		t.Errorf("its binary has %d bytes, that of openai %d", mini.size, full.size)
	}
	// Both start in milliseconds; on a busy machine what is measured swings.
	if mini.memory > full.memory*3/2 || mini.start > 3*full.start+200*time.Millisecond {
		t.Errorf("it takes %d KiB and %s, openai %d KiB and %s", mini.memory, mini.start, full.memory, full.start)
	}
}
