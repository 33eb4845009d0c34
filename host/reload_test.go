package host_test

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/host"
	"github.com/backplane-dev/backplane/host/lockfile"
	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/provider"
)

const otherConfig = `
provider "versions" { path = "plugin" }
provider "echo" {}
endpoint "one" { provider = "versions" }
endpoint "two" { provider = "echo" }
route "r" { endpoints = ["two", "one"] }
`

func TestWhatIsRemovedFinishesWhatItHas(t *testing.T) {
	t.Parallel()
	s := startSite(t, `
provider "versions" { path = "plugin" }
endpoint "one" {
  provider = "versions"
  queue { max_concurrent = 1 }
}
`)
	process, err := os.FindProcess(s.pid(t, "versions"))
	if err != nil {
		t.Fatal(err)
	}
	answers := make(chan error, 2)
	for range cap(answers) { // the second waits in the queue
		go func() {
			_, err := askHTTP(http.DefaultClient, s.Addr(), "one", "30", true)
			answers <- err
		}()
	}
	until(t, func() bool {
		n, err := s.Stats("one")
		return err == nil && n.InFlight == 1 && n.Queued == 1
	})
	s.write(t, "provider \"echo\" {}\nendpoint \"two\" { provider = \"echo\" }\n")
	p := s.reload(t)
	if find(p, status.StepProvider, "versions").Action != status.ActionStop || find(p, status.StepEndpoint, "one").Action != status.ActionDelete ||
		find(p, status.StepProvider, "echo").Action != status.ActionStart || p.Problems() > 0 {
		t.Errorf("plan %+v", p)
	}
	if _, err := s.Chat(t.Context(), user("one", "0")); provider.AsError(err).Code != provider.CodeNotFound {
		t.Errorf("a new request: %v", err)
	}
	s.wantSays(t, "two", "0")
	for range cap(answers) {
		if err := <-answers; err != nil {
			t.Errorf("a request from before: %v", err)
		}
	}
	until(t, func() bool { return isGone(process) })
}

func TestAnEndpointThatComesBackAtOnceIsNotClosedByItsPredecessor(t *testing.T) {
	t.Parallel()
	s := startSite(t, otherConfig)
	for range 3 {
		s.write(t, strings.Replace(strings.Replace(otherConfig, `endpoint "one" { provider = "versions" }`, "", 1), `, "one"`, "", 1))
		s.reload(t)
		s.write(t, otherConfig)
		if p := s.reload(t); p.Problems() > 0 {
			t.Errorf("plan %+v", p)
		}
		s.wantSays(t, "one", "1.0.0 hello calm")
	}
	time.Sleep(300 * time.Millisecond) // in which the predecessors leave
	s.wantSays(t, "one", "1.0.0 hello calm")
}

func TestEndpointsOfTheAPIStayUnlessTheFileHasTheirName(t *testing.T) {
	t.Parallel()
	s := startSite(t, otherConfig)
	for _, id := range []string{"made", "late"} {
		if _, err := s.CreateEndpoint(t.Context(), host.EndpointSpec{"id": id, "provider": "versions", "settings": map[string]any{"word": id}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.UpdateEndpoint(t.Context(), "one", host.EndpointSpec{"settings": map[string]any{"word": "patched"}}); err != nil {
		t.Fatal(err)
	}
	s.write(t, otherConfig+"endpoint \"late\" {\n  provider = \"versions\"\n  settings { word = \"file\" }\n}\n")
	p := s.reload(t)
	for id, want := range map[string]string{"made": "stays", "late": "takes its place", "one": "was changed through the admin API"} {
		if step := find(p, status.StepEndpoint, id); !strings.Contains(step.Note, want) {
			t.Errorf("%s: %+v, want %q", id, step, want)
		}
	}
	s.wantSays(t, "made", "1.0.0 made calm")
	s.wantSays(t, "late", "1.0.0 file calm")
	s.wantSays(t, "one", "1.0.0 hello calm")
	if e, _ := s.Endpoint("late"); e.Origin != "config" {
		t.Errorf("origin %s", e.Origin)
	}

	// One that goes to another provider is another endpoint; one whose provider
	// goes, goes with it.
	s.write(t, "provider \"echo\" {}\nendpoint \"one\" { provider = \"echo\" }\n")
	p = s.reload(t)
	if step := find(p, status.StepEndpoint, "one"); step.Action != status.ActionReplace {
		t.Errorf("one: %+v", step)
	}
	if step := find(p, status.StepEndpoint, "made"); step.Action != status.ActionDelete || !strings.Contains(step.Note, "its provider goes") {
		t.Errorf("made: %+v", step)
	}
	s.wantSays(t, "one", "0")
}

func TestAnEndpointOfTheAPIThatDoesNotFitTheNewVersionKeepsTheOldOne(t *testing.T) {
	t.Parallel()
	s := startSite(t, otherConfig)
	if _, err := s.CreateEndpoint(t.Context(), host.EndpointSpec{"id": "made", "provider": "versions", "settings": map[string]any{"old": "mine"}}); err != nil {
		t.Fatal(err)
	}
	s.place(t, version(t, "2.0.0", ""))
	if _, err := s.SwapProvider(t.Context(), "versions"); err == nil || !strings.Contains(err.Error(), `"made"`) || !strings.Contains(err.Error(), "old") {
		t.Errorf("swap: %v", err)
	}
	if step := find(s.reload(t), status.StepProvider, "versions"); !strings.Contains(step.Problem, `"made"`) {
		t.Errorf("reload: %+v", step)
	}
	s.wantSays(t, "made", "1.0.0 hello calm")
	if err := s.DeleteEndpoint(t.Context(), "made"); err != nil {
		t.Fatal(err)
	}
	if p := s.reload(t); p.Problems() > 0 {
		t.Errorf("without it: %+v", p)
	}
	s.wantSays(t, "one", "2.0.0 hello calm new")
}

func TestPoliciesChangeWithoutAProcessAndWithoutThePlugin(t *testing.T) {
	t.Parallel()
	s := startSite(t, otherConfig)
	before := s.pid(t, "versions")
	s.wantSays(t, "one", "1.0.0 hello calm")
	s.write(t, strings.Replace(otherConfig, `{ path = "plugin" }`, "{\n  path = \"plugin\"\n  idle_stop = \"1h\"\n  queue { size = 3 }\n}", 1))
	p := s.reload(t)
	if step := find(p, status.StepProvider, "versions"); step.Action != status.ActionChange || len(step.Differences) != 2 {
		t.Errorf("provider: %+v", step)
	}
	step := find(p, status.StepEndpoint, "one")
	if len(step.Differences) != 1 || step.Differences[0] != (status.Difference{Setting: "queue.size", From: "100", To: "3"}) {
		t.Errorf("endpoint: %+v", step)
	}
	if e, _ := s.Endpoint("one"); e.Revision != 1 {
		t.Errorf("revision %d: the plugin was told", e.Revision)
	}
	if n, _ := s.Stats("one"); n.Success != 1 {
		t.Errorf("the numbers are gone: %+v", n)
	}
	if now := s.pid(t, "versions"); now != before {
		t.Errorf("process %d, before %d", now, before)
	}
	if p, err := s.Plan(t.Context(), ""); err != nil || p.Changes() != 0 {
		t.Errorf("what was applied still differs: %+v, %v", p, err)
	}
}

func TestAnEndpointThatThePluginRefusesStaysAsItIs(t *testing.T) {
	t.Parallel()
	s := startSite(t, otherConfig)
	s.write(t, strings.Replace(otherConfig, `endpoint "one" { provider = "versions" }`,
		"endpoint \"one\" {\n  provider = \"versions\"\n  settings { word = \"refused\" }\n}", 1)+"endpoint \"more\" { provider = \"echo\" }\n")
	p := s.reload(t)
	if step := find(p, status.StepEndpoint, "one"); !strings.Contains(step.Problem, "It is refused.") || !strings.Contains(step.Problem, "config.hcl:6") {
		t.Errorf("step %+v", step)
	}
	s.wantSays(t, "one", "1.0.0 hello calm")
	s.wantSays(t, "more", "0")
}

func TestAWrongChecksumStopsOneProviderUntilItIsMended(t *testing.T) {
	t.Parallel()
	s := startSite(t, otherConfig)
	lock := filepath.Join(s.dir, lockfile.Name)
	if _, _, err := host.Lock(t.Context(), filepath.Join(s.dir, "config.hcl"), testOptions(t)); err != nil {
		t.Fatal(err)
	}
	read, err := lockfile.Read(lock)
	if err != nil {
		t.Fatal(err)
	}
	pinned := read.Providers["versions"].SHA256[lockfile.Platform()]
	s.place(t, version(t, "2.0.0", ""))
	second := s.host(t)
	if err := second.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	down, err := second.Provider("versions")
	if err != nil || down.State != status.ProviderFailed || strings.Count(down.Reason, "sha256 is ") != 1 || !strings.Contains(down.Reason, pinned) {
		t.Errorf("%s: %s, %v", down.State, down.Reason, err)
	}
	other := &site{Host: second, dir: s.dir}
	other.wantSays(t, "two", "0")
	if _, err := s.SwapProvider(t.Context(), "versions"); err == nil || !strings.Contains(err.Error(), pinned) {
		t.Errorf("the first host swaps: %v", err)
	}
	s.wantSays(t, "one", "1.0.0 hello calm")
	if p := other.reload(t); find(p, status.StepProvider, "versions").Problem == "" {
		t.Errorf("plan %+v", p)
	}
	s.place(t, version(t, "1.0.0", ""))
	if p := other.reload(t); p.Problems() > 0 || find(p, status.StepProvider, "versions").Action != status.ActionStart {
		t.Errorf("plan %+v", p)
	}
	other.wantSays(t, "one", "1.0.0 hello calm")
}

func TestAHostCanBeStoppedWhileItReloads(t *testing.T) {
	t.Parallel()
	s := startSite(t, versionsConfig)
	s.place(t, version(t, "4.0.0", "hang"))
	done := make(chan error, 1)
	go func() {
		_, err := s.Reload(context.Background())
		done <- err
	}()
	until(t, func() bool {
		p, _ := s.Provider("versions")
		return len(p.Generations) == 2
	})
	if err := s.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if _, err := s.Reload(t.Context()); err == nil {
		t.Error("a host that is stopped was reloaded")
	}
}

func TestTheWatchSwapsWhatIsPinned(t *testing.T) {
	t.Parallel()
	s := startSite(t, "server { watch = true }\n"+versionsConfig)
	file, opts := filepath.Join(s.dir, "config.hcl"), testOptions(t)
	if _, _, err := host.Lock(t.Context(), file, opts); err != nil {
		t.Fatal(err)
	}
	s.place(t, version(t, "2.0.0", ""))
	if _, _, err := host.Lock(t.Context(), file, opts); err != nil {
		t.Fatal(err)
	}
	until(t, func() bool {
		p, _ := s.Provider("versions")
		return p.Version == "2.0.0"
	})
	s.wantSays(t, "one", "2.0.0 hello calm new")
}

func TestAnEndpointThatWasRefusedIsOpenedOnceItCanBe(t *testing.T) {
	t.Parallel()
	const refused = "provider \"versions\" { path = \"plugin\" }\nendpoint \"one\" { provider = \"versions\" }\n"
	s := &site{dir: t.TempDir()}
	s.place(t, version(t, "4.0.0", "open"))
	s.write(t, refused)
	s.Host = s.host(t)
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if p := s.reload(t); find(p, status.StepEndpoint, "one").Problem == "" || p.Changes() != 0 {
		t.Errorf("plan %+v", p)
	}
	s.place(t, version(t, "1.0.0", ""))
	if _, err := s.SwapProvider(t.Context(), "versions"); err != nil {
		t.Fatal(err)
	}
	s.wantSays(t, "one", "1.0.0 hello calm")

	// By a reload, too.
	s.write(t, refused+"endpoint \"two\" {\n  provider = \"versions\"\n  settings { word = \"refused\" }\n}\n")
	if p := s.reload(t); !strings.Contains(find(p, status.StepEndpoint, "two").Problem, "It is refused.") {
		t.Errorf("plan %+v", p)
	}
	s.write(t, refused+"endpoint \"two\" {\n  provider = \"versions\"\n  settings { word = \"fine\" }\n}\n")
	if p := s.reload(t); p.Problems() != 0 {
		t.Errorf("plan %+v", p)
	}
	s.wantSays(t, "two", "1.0.0 fine calm")
}
