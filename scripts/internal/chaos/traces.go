//go:build linux

package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// traces is what a host holds, and what could leak.
type traces struct {
	Goroutines int `json:"goroutines"`
	Files      int `json:"files"`   // open in the host
	Plugins    int `json:"plugins"` // processes
	Folders    int `json:"folders"` // bp-* in the temporary folder
	Sockets    int `json:"sockets"` // in the folder of the run
}

// pluginProcesses finds the processes of plugins by what they are called: the
// path of a binary in the run's folder. Zombies are not counted, since it may be
// nobody's task here to reap orphans.
func (w *world) pluginProcesses() ([]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		line, err := os.ReadFile(filepath.Join("/proc", e.Name(), "cmdline"))
		if err == nil && bytes.Contains(line, []byte(w.plugins())) { // that of a zombie is empty
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

// folders lists the folders that hosts have made for their plugins.
func (w *world) folders() []string {
	all, _ := filepath.Glob(filepath.Join(w.tmp(), "bp-*")) // the pattern is fixed
	return all
}

func (w *world) sockets() (n int) {
	_ = filepath.WalkDir(w.dir, func(_ string, e fs.DirEntry, err error) error {
		if err == nil && e.Type()&fs.ModeSocket != 0 {
			n++
		}
		return nil // what goes while it is looked at is not there
	})
	return n
}

// look counts all traces of a running host.
func (w *world) look(h *host) (t traces, err error) {
	if t.Goroutines, err = h.goroutines(); err != nil {
		return t, err
	}
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", h.cmd.Process.Pid))
	if err != nil {
		return t, err
	}
	pids, err := w.pluginProcesses()
	t.Files, t.Plugins, t.Folders, t.Sockets = len(files), len(pids), len(w.folders()), w.sockets()
	return t, err
}

// settled waits until two looks in a row are the same and returns it.
func (w *world) settled(h *host) (traces, error) {
	var before traces
	for range 20 {
		now, err := w.look(h)
		if err != nil || now == before {
			return now, err
		}
		before = now
		time.Sleep(500 * time.Millisecond)
	}
	return before, nil
}

// more says what there is more of than at the start. spare is how many files may
// have come: a provider that was changed keeps the bytes of what it ran before.
func (t traces) more(than traces, spare int) string {
	var all []string
	for _, c := range []struct {
		what              string
		now, before, more int
	}{
		{"goroutines", t.Goroutines, than.Goroutines, 0},
		{"open files", t.Files, than.Files, spare},
		{"plugin processes", t.Plugins, than.Plugins, 0},
		{"folders", t.Folders, than.Folders, 0},
		{"sockets", t.Sockets, than.Sockets, 0},
	} {
		if c.now > c.before+c.more {
			all = append(all, fmt.Sprintf("%d %s instead of %d", c.now, c.what, c.before+c.more))
		}
	}
	return strings.Join(all, ", ")
}

// left says which of the folders are still there.
func (w *world) left(folders []string) []string {
	now := w.folders()
	return slices.DeleteFunc(slices.Clone(folders), func(f string) bool { return !slices.Contains(now, f) })
}
