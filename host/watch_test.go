package host

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
)

// watched is a watcher whose clock the test turns, and a provider's files.
type watched struct {
	*watcher
	t           *testing.T
	dir         string
	clock       time.Time
	made, fails int
}

func newWatched(t *testing.T) *watched {
	w := &watched{t: t, dir: t.TempDir(), clock: time.Now()}
	w.watcher = &watcher{log: hclog.NewNullLogger(), seen: make(map[string]*sighting), swap: func(string) error {
		w.made++
		if w.fails > 0 {
			w.fails--
			return errors.New("refused")
		}
		return nil
	}}
	w.put("plugin", "first")
	w.after(0, 0)
	return w
}

// put moves a file to its place.
func (w *watched) put(name, text string) {
	w.t.Helper()
	next := filepath.Join(w.dir, "next")
	if err := os.WriteFile(next, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
	if err := os.Rename(next, filepath.Join(w.dir, name)); err != nil {
		w.t.Fatal(err)
	}
}

// after looks again after some time and wants that many swaps so far.
func (w *watched) after(d time.Duration, swaps int) {
	w.t.Helper()
	w.clock = w.clock.Add(d)
	w.look(w.clock, "p", look(filepath.Join(w.dir, "plugin"), filepath.Join(w.dir, "lock")))
	w.swaps.Wait()
	if w.made != swaps {
		w.t.Errorf("%d swaps, want %d", w.made, swaps)
	}
}

func TestAReplacedBinaryIsTakenOnceItHasSettled(t *testing.T) {
	t.Parallel()
	w := newWatched(t)
	w.after(time.Hour, 0)
	w.put("plugin", "second")
	w.after(time.Second, 0)
	w.after(time.Second, 0)
	w.put("lock", "second's") // still at work
	w.after(time.Second, 0)
	w.after(time.Second, 0)
	w.after(time.Second, 1)
	w.after(time.Hour, 1)
	w.put("plugin", "third")
	w.after(time.Second, 1)
	w.after(2*time.Second, 2)
}

func TestARefusedBinaryIsTriedAgainOnceALockOrSignatureComes(t *testing.T) {
	t.Parallel()
	w := newWatched(t)
	w.fails = 2
	w.put("plugin", "second")
	w.after(time.Second, 0)
	w.after(2*time.Second, 1)
	w.after(time.Hour, 1)
	w.put("lock", "another's")
	w.after(time.Second, 1)
	w.after(2*time.Second, 2)
	w.put("plugin.sig", "signed")
	w.after(time.Second, 2)
	w.after(2*time.Second, 3)
	w.put("lock", "of something else")
	w.after(time.Second, 3)
	w.after(time.Hour, 3)
}

func TestABinaryThatIsWrittenOverIsNotTaken(t *testing.T) {
	t.Parallel()
	w := newWatched(t)
	if err := os.WriteFile(filepath.Join(w.dir, "plugin"), []byte("half of the seco"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.after(time.Second, 0)
	w.after(time.Hour, 0)
	if err := os.Remove(filepath.Join(w.dir, "plugin")); err != nil {
		t.Fatal(err)
	}
	w.after(time.Hour, 0)
	w.put("plugin", "third")
	w.after(time.Second, 0)
	w.after(2*time.Second, 1)
}
