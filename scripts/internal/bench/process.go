package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// usage is what a process has used so far.
type usage struct {
	cpu time.Duration // user and system
	rss int64         // bytes
}

// readUsage reads a process's clock and /proc/PID. Other systems than Linux have
// no such place.
func readUsage(pid int) (usage, error) {
	used, err := cpuTime(pid)
	if err != nil {
		return usage{}, fmt.Errorf("read the CPU time of process %d: %w", pid, err)
	}
	resident, err := statusBytes(pid, "VmRSS")
	return usage{cpu: used, rss: resident}, err
}

// statusBytes reads one of the sizes in /proc/PID/status.
func statusBytes(pid int, name string) (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, fmt.Errorf("read the memory of process %d (the benchmark needs Linux): %w", pid, err)
	}
	_, after, found := bytes.Cut(status, []byte("\n"+name+":"))
	fields := bytes.Fields(after)
	if !found || len(fields) == 0 {
		return 0, fmt.Errorf("process %d has no %s", pid, name)
	}
	kb, err := strconv.ParseInt(string(fields[0]), 10, 64)
	return kb << 10, err
}

// usages reads all processes of a target.
func (t *target) usages() (map[string]usage, error) {
	all := make(map[string]usage, len(t.processes))
	for role, pid := range t.processes {
		u, err := readUsage(pid)
		if err != nil {
			return nil, err
		}
		all[role] = u
	}
	return all, nil
}

// below lists the processes that descend from pid.
func below(pid int) []int {
	children := map[int][]int{}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is right
	for _, path := range stats {
		stat, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		child, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		if parent, err := strconv.Atoi(fields[1]); err == nil {
			children[parent] = append(children[parent], child)
		}
	}
	var all []int
	for next := children[pid]; len(next) > 0; next = next[1:] {
		all = append(all, next[0])
		next = append(next, children[next[0]]...)
	}
	return all
}
