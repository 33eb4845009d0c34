package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// usage is what a process has used so far.
type usage struct {
	cpu    time.Duration // user and system
	rss    int64         // bytes
	allocs float64       // heap objects; 0 if not known
}

// clockTick is USER_HZ, which Linux fixes at 100 for what /proc shows.
const clockTick = 10 * time.Millisecond

// readUsage reads /proc/PID; other systems have no such place, so the benchmark
// runs on Linux alone.
func readUsage(pid int) (usage, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return usage{}, fmt.Errorf("read the CPU time of process %d (the benchmark needs Linux): %w", pid, err)
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	user, _ := strconv.ParseInt(fields[11], 10, 64)
	system, _ := strconv.ParseInt(fields[12], 10, 64)
	pages, _ := strconv.ParseInt(fields[21], 10, 64)
	return usage{cpu: time.Duration(user+system) * clockTick, rss: pages * int64(os.Getpagesize())}, nil
}

// usages reads all processes of a target, with allocation counts where the
// process serves them.
func (t *target) usages() (map[string]usage, error) {
	all := make(map[string]usage, len(t.processes))
	for role, pid := range t.processes {
		u, err := readUsage(pid)
		if err != nil {
			return nil, err
		}
		switch role {
		case "host":
			u.allocs = mallocs(t.admin)
		case "plugin":
			u.allocs = mallocs(t.debug)
		}
		all[role] = u
	}
	return all, nil
}

// mallocs reads the count of heap objects ever allocated from a pprof page.
func mallocs(socket string) float64 {
	page, err := get(socket, "/debug/pprof/heap?debug=1")
	if err != nil {
		return 0
	}
	_, after, found := bytes.Cut(page, []byte("# Mallocs = "))
	if !found {
		return 0
	}
	line, _, _ := bytes.Cut(after, []byte("\n"))
	n, _ := strconv.ParseFloat(string(line), 64)
	return n
}
