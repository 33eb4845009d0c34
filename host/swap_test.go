package host_test

import (
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/host"
	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/provider"
)

func TestASwapReadsSettingsByTheNewVersionsSchema(t *testing.T) {
	t.Parallel()
	s := startSite(t, versionsConfig)
	s.wantSays(t, "one", "1.0.0 hello calm")
	s.wantSays(t, "v1-x", "1.0.0 hello calm")
	if _, err := s.CreateEndpoint(t.Context(), host.EndpointSpec{"id": "made", "provider": "versions", "settings": map[string]any{"word": "hey"}}); err != nil {
		t.Fatal(err)
	}
	s.place(t, version(t, "2.0.0", ""))
	swap, err := s.SwapProvider(t.Context(), "versions")
	if err != nil || !swap.Changed || swap.To.Version != "2.0.0" {
		t.Fatalf("%+v, %v", swap, err)
	}
	s.wantSays(t, "one", "2.0.0 hello calm new")
	s.wantSays(t, "made", "2.0.0 hey calm new")
	e, err := s.Endpoint("made")
	if err != nil || e.Settings["tone"] != "new" || e.Settings["old"] != nil {
		t.Errorf("settings %v, %v", e.Settings, err)
	}
	if _, err := s.Chat(t.Context(), user("v1-x", "0")); provider.AsError(err).Code != provider.CodeNotFound {
		t.Errorf("a model of the old version's: %v", err)
	}
	if err := s.UpdateEndpoint(t.Context(), "made", host.EndpointSpec{"settings": map[string]any{"tone": "loud"}}); err != nil {
		t.Fatal(err)
	}
	s.wantSays(t, "made", "2.0.0 hey calm loud")

	// What the old version does not know cannot go back with it.
	if _, err := s.RollbackProvider(t.Context(), "versions"); provider.AsError(err).Code != provider.CodeConflict || !strings.Contains(err.Error(), `"made"`) {
		t.Errorf("rollback: %v", err)
	}
	if err := s.DeleteEndpoint(t.Context(), "made"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.RollbackProvider(t.Context(), "versions"); err != nil {
		t.Fatal(err)
	}
	s.wantSays(t, "one", "1.0.0 hello calm")
}

func TestEndpointsFollowARollbackThatTheSupervisorMakes(t *testing.T) {
	t.Parallel()
	s := startSite(t, versionsConfig)
	s.place(t, version(t, "3.0.0", "crash"))
	if _, err := s.SwapProvider(t.Context(), "versions"); err != nil {
		t.Fatal(err)
	}
	if e, _ := s.Endpoint("one"); e.Settings["tone"] != "new" {
		t.Errorf("settings after the swap: %v", e.Settings)
	}
	s.wantSays(t, "one", "3.0.0 hello calm new") // and crashes a moment later
	until(t, func() bool {
		p, _ := s.Provider("versions")
		return p.Version == "1.0.0" && p.State == status.ProviderReady
	})
	s.wantSays(t, "one", "1.0.0 hello calm")
	s.wantSays(t, "v1-x", "1.0.0 hello calm")
	if e, _ := s.Endpoint("one"); e.Settings["tone"] != nil || e.Settings["old"] != "yes" {
		t.Errorf("settings after the rollback: %v", e.Settings)
	}
}

func TestARestartIsForEveryProviderThatWasFound(t *testing.T) {
	t.Parallel()
	s := startSite(t, versionsConfig+"provider \"lost\" {}\n")
	before := s.pid(t, "versions")
	if swap, err := s.RestartProvider(t.Context(), "versions"); err != nil || swap.To.PID == before {
		t.Errorf("%+v, %v", swap, err)
	}
	if _, err := s.RestartProvider(t.Context(), "lost"); provider.AsError(err).Code != provider.CodeConflict || !strings.Contains(err.Error(), "backplane reload") {
		t.Errorf("one that was not found: %v", err)
	}
	if _, err := s.RestartProvider(t.Context(), "nobody"); provider.AsError(err).Code != provider.CodeNotFound {
		t.Errorf("an unknown one: %v", err)
	}
	if _, err := s.RollbackProvider(t.Context(), "versions"); provider.AsError(err).Code != provider.CodeConflict {
		t.Errorf("nothing to go back to: %v", err)
	}
}

// load asks all the time until it is stopped, and counts.
type load struct {
	stop     chan struct{}
	wg       sync.WaitGroup
	answered atomic.Int64
	mu       sync.Mutex
	failed   []error
	versions map[string]int
}

// newLoad starts callers of whom every fourth streams.
func newLoad(addr string, callers int) *load {
	l := &load{stop: make(chan struct{}), versions: make(map[string]int)}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: callers}}
	for i := range callers {
		stream, prompt := i%4 == 0, "5"
		if stream {
			prompt = "20" // ten times
		}
		l.wg.Go(func() {
			for l.goesOn() {
				text, err := askHTTP(client, addr, "one", prompt, stream)
				l.note(text, err)
			}
		})
	}
	go func() {
		l.wg.Wait()
		client.CloseIdleConnections()
	}()
	return l
}

func (l *load) goesOn() bool {
	select {
	case <-l.stop:
		return false
	default:
		return true
	}
}

func (l *load) note(text string, err error) {
	l.answered.Add(1)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.failed = append(l.failed, err)
	}
	for _, v := range []string{"1.0.0", "2.0.0"} {
		if strings.Contains(text, v) {
			l.versions[v]++
		}
	}
}

// end stops the callers and wants that none has failed.
func (l *load) end(t *testing.T) {
	t.Helper()
	close(l.stop)
	l.wg.Wait()
	if len(l.failed) > 0 {
		t.Errorf("%d of %d requests failed, the first: %v", len(l.failed), l.answered.Load(), l.failed[0])
	}
	if l.versions["1.0.0"] == 0 || l.versions["2.0.0"] == 0 {
		t.Errorf("answers by version: %v", l.versions)
	}
	t.Logf("%d answers, by version %v", l.answered.Load(), l.versions)
}

// until waits for what must become true.
func until(t *testing.T, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it never became true")
		}
	}
}
