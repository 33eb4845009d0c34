package host_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/host/status"
)

// A request fails at once here, without another attempt: what a swap breaks shows.
const loadConfig = `
provider "versions" {
  path          = "plugin"
  start_timeout = "20s"
  trial         = "0s"
}
endpoint "one" {
  provider = "versions"
  settings { word = "%s" }
  queue {
    max_concurrent = 0
    size           = %d
  }
  retry { max = 0 }
}
`

func TestSwapsAndReloadsUnderLoadFailNoRequest(t *testing.T) {
	t.Parallel()
	s := startSite(t, fmt.Sprintf(loadConfig, "a", 1000))
	good := []string{version(t, "2.0.0", ""), version(t, "1.0.0", "")}
	bad := map[string]string{
		"noise": version(t, "4.0.0", "noise"), "exit": version(t, "4.0.0", "exit"), "open": version(t, "4.0.0", "open"),
		"name": version(t, "4.0.0", "name"), "text": filepath.Join(s.dir, "config.hcl"),
	}
	l := newLoad(s.Addr(), 64)
	var took []time.Duration
	for i := range 12 {
		s.place(t, good[i%2])
		took = append(took, s.swapUntilServed(t))
	}
	t.Logf("from the wish to a request that the new version has answered: %v", took)
	before := s.pid(t, "versions")
	for what, path := range bad {
		s.place(t, path)
		if swap, err := s.SwapProvider(t.Context(), "versions"); err == nil {
			t.Errorf("%s: %+v", what, swap)
		}
	}
	if now := s.pid(t, "versions"); now != before {
		t.Errorf("process %d after bad versions, %d before", now, before)
	}
	reloadOften(t, s)
	l.end(t)
}

// swapUntilServed swaps and measures the time until the new version has answered a
// request that was made after.
func (s *site) swapUntilServed(t *testing.T) time.Duration {
	t.Helper()
	begin := time.Now()
	swap, err := s.SwapProvider(t.Context(), "versions")
	if err != nil || !swap.Changed {
		t.Fatalf("%+v, %v", swap, err)
	}
	if got := s.say(t, "one"); !strings.HasPrefix(got, swap.To.Version) {
		t.Errorf("version %s answers after the swap to %s", got, swap.To.Version)
	}
	return time.Since(begin).Round(time.Millisecond)
}

// reloadOften changes everything that a file can, each time the other way.
func reloadOften(t *testing.T, s *site) {
	t.Helper()
	const more = "provider \"echo\" {}\nendpoint \"two\" { provider = \"echo\" }\nroute \"r\" { endpoints = [\"two\", \"one\"] }\n"
	s.place(t, version(t, "2.0.0", ""))
	for i := range 6 {
		text := fmt.Sprintf(loadConfig, []string{"a", "b"}[i%2], 1000+i)
		if i%2 == 0 {
			text += more
		}
		s.write(t, text)
		if p := s.reload(t); p.Problems() > 0 || p.Changes() == 0 {
			t.Errorf("reload %d: %+v", i, p)
		}
		if want := []string{"a", "b"}[i%2]; !strings.Contains(s.say(t, "one"), " "+want+" ") {
			t.Errorf("reload %d: it says %q, want %q", i, s.say(t, "one"), want)
		}
		if _, err := s.Endpoint("two"); (err == nil) != (i%2 == 0) {
			t.Errorf("reload %d: endpoint two: %v", i, err)
		}
		s.place(t, version(t, []string{"1.0.0", "2.0.0"}[i%2], ""))
		s.write(t, "nonsense {\n")
		if p, err := s.Reload(t.Context()); err == nil {
			t.Errorf("a broken file was applied: %+v", p)
		}
	}
}

func TestAReloadThatFindsABrokenVersionKeepsWhatRuns(t *testing.T) {
	t.Parallel()
	s := startSite(t, versionsConfig)
	before := s.pid(t, "versions")
	s.place(t, version(t, "4.0.0", "exit"))
	s.write(t, versionsConfig+"endpoint \"two\" { provider = \"versions\" }\n")
	p := s.reload(t)
	if step := find(p, status.StepProvider, "versions"); step.Action != status.ActionSwap || !strings.Contains(step.Problem, "exit status 9") {
		t.Errorf("step %+v", step)
	}
	if now := s.pid(t, "versions"); now != before {
		t.Errorf("process %d, before %d", now, before)
	}
	s.wantSays(t, "one", "1.0.0 hello calm")

	// A file that is gone is told, and the process goes on.
	if err := os.Remove(filepath.Join(s.dir, "plugin")); err != nil {
		t.Fatal(err)
	}
	s.write(t, versionsConfig+"endpoint \"three\" {\n  provider = \"versions\"\n  settings { word = \"hi\" }\n}\n")
	p = s.reload(t)
	if step := find(p, status.StepProvider, "versions"); step.Action != status.ActionKeep || step.Problem == "" || step.Note == "" {
		t.Errorf("step %+v", step)
	}
	s.wantSays(t, "three", "1.0.0 hi calm")
}
