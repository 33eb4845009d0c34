package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// memory is what a process has in memory, in bytes.
type memory struct {
	// Resident are all its pages.
	Resident int64 `json:"resident_bytes"`
	// Proportional are those too, but a page that several processes have counts
	// for its part.
	Proportional int64 `json:"proportional_bytes"`
	// Own are the pages that belong to no file: heap, stacks, data that was
	// written. The others, such as code, the system can drop and read again.
	Own int64 `json:"own_bytes"`
}

// readMemory reads /proc/PID/smaps_rollup.
func readMemory(pid int) (memory, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return memory{}, fmt.Errorf("read the memory of process %d (the benchmark needs Linux): %w", pid, err)
	}
	var m memory
	lines := bufio.NewScanner(bytes.NewReader(data))
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ":")
		kb, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(value, "kB")), 10, 64)
		if err != nil {
			continue // the line of the address range
		}
		switch name {
		case "Rss":
			m.Resident = kb << 10
		case "Pss":
			m.Proportional = kb << 10
		case "Anonymous":
			m.Own = kb << 10
		}
	}
	return m, nil
}
