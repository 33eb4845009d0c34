package host

import (
	"context"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/backplane-dev/backplane/host/lockfile"
	"github.com/backplane-dev/backplane/host/status"
)

const (
	// watchEvery is how often the files are looked at. A look is a few calls of
	// stat for each provider.
	watchEvery = time.Second
	// watchSettle is how long binary, lock file and signature must have been left
	// alone: they are replaced one after the other.
	watchSettle = 2 * time.Second
)

// watch looks at the providers' binaries while server.watch is on, until ctx ends,
// and swaps those that were replaced since it was called. It is run by the function
// that it returns.
func (h *Host) watch(ctx context.Context) (run func()) {
	w := &watcher{swap: func(name string) error { return h.swapWatched(ctx, name) }, log: h.log.Named("watch"), seen: make(map[string]*sighting)}
	h.lookAll(w)
	return func() {
		defer w.swaps.Wait()
		tick := time.NewTicker(watchEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				h.lookAll(w)
			}
		}
	}
}

// lookAll takes a look at all providers' files.
func (h *Host) lookAll(w *watcher) {
	s := h.state.Load()
	if !s.config.Server.Watch {
		clear(w.seen) // what happens meanwhile is not looked at later
		return
	}
	for _, name := range slices.Sorted(maps.Keys(s.plugins)) {
		// One in development, or attached to, is not the host's to replace.
		if p := s.plugins[name]; p.Provider != nil && p.Spec().Binary != nil {
			w.look(time.Now(), name, look(p.path, s.config.Server.LockFile))
		}
	}
}

// swapWatched swaps a provider without being asked to. Nothing runs only because
// it has appeared somewhere: it must be pinned or signed.
func (h *Host) swapWatched(ctx context.Context, name string) error {
	server := h.state.Load().config.Server
	if _, err := os.Stat(server.LockFile); err != nil && len(server.TrustedKeys) == 0 {
		return conflict("nothing says that the new binary may run: pin it with 'backplane providers lock', or sign it and set server.trusted_keys")
	}
	swap, err := h.SwapProvider(ctx, name)
	if err == nil && swap.Changed {
		h.log.Info("provider was swapped, since its binary was replaced", "provider", name, "version", versionOf(swap.To))
	}
	return err
}

func versionOf(g *status.Generation) string {
	if g == nil {
		return ""
	}
	return g.Version
}

// watcher remembers what it has seen of the files.
type watcher struct {
	swap  func(name string) error
	log   interface{ Warn(string, ...any) }
	seen  map[string]*sighting // by provider
	swaps sync.WaitGroup
}

// sighting is what the watcher knows of one provider.
type sighting struct {
	base  os.FileInfo // the binary that runs, as far as is known; nil if it is gone
	last  files       // as they were seen last
	since time.Time   // that they have been so
	tried bool        // with last
	// told is set once a binary that was written over was told of.
	told bool

	mu   sync.Mutex
	busy bool // it is being swapped
	done os.FileInfo
}

// files are what decides whether a binary may run; nil where there is none.
type files struct{ binary, lock, signature os.FileInfo }

func look(binary, lock string) files {
	return files{stat(binary), stat(lock), stat(binary + lockfile.SignatureSuffix)}
}

func stat(path string) os.FileInfo {
	info, err := os.Stat(path)
	if err != nil {
		return nil
	}
	return info
}

// look takes a look at a provider's files, and swaps it if its binary is another
// file than before, and all of them have been left alone for a while. A binary that
// is written over in place is half of one and half of the other for a moment, so
// that is told and not taken. What was refused is tried again once one of the files
// changes.
func (w *watcher) look(now time.Time, name string, f files) {
	s := w.seen[name]
	if s == nil {
		w.seen[name] = &sighting{base: f.binary, last: f, since: now}
		return
	}
	if !s.take() {
		return
	}
	switch {
	case f.binary == nil:
		s.base = nil // what comes in its place is another file, whatever its number
	case s.base != nil && os.SameFile(s.base, f.binary):
		if !unchanged(s.base, f.binary) && !s.told {
			s.told = true
			w.log.Warn("a provider's binary was written over and is not taken; move the new file to its place instead", "provider", name)
		}
	case !f.same(s.last):
		s.last, s.since, s.tried = f, now, false
	case !s.tried && now.Sub(s.since) >= watchSettle:
		s.tried, s.busy = true, true
		w.swaps.Go(func() { w.try(name, s, f.binary) })
	}
}

// take takes over what a swap has come to. It is false while one goes on.
func (s *sighting) take() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.done != nil {
		s.base, s.done, s.told = s.done, nil, false
	}
	return !s.busy
}

func (w *watcher) try(name string, s *sighting, binary os.FileInfo) {
	err := w.swap(name)
	if err != nil {
		w.log.Warn("a provider's binary was replaced, but the provider was not swapped", "provider", name, "error", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy = false
	if err == nil {
		s.done = binary
	}
}

func (f files) same(other files) bool {
	return unchanged(f.binary, other.binary) && unchanged(f.lock, other.lock) && unchanged(f.signature, other.signature)
}

// unchanged reports whether two looks saw the same file with the same content.
func unchanged(a, b os.FileInfo) bool {
	if a == nil || b == nil {
		return a == b
	}
	return os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size()
}
