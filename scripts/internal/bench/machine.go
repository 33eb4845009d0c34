package main

import (
	"bytes"
	"os"
	"slices"
	"strconv"
	"time"
)

// machine watches how much of the processors went to others than the benchmark's
// own processes while something was measured: the reader should know how calm it
// was.
type machine struct {
	known  []int // the processes that belong to the benchmark
	busy   time.Duration
	own    time.Duration
	idle   time.Duration
	shares []float64
}

// clockTick is USER_HZ, which Linux fixes at 100 for what /proc shows.
const clockTick = 10 * time.Millisecond

func (m *machine) begin() { m.busy, m.idle, m.own = busyTime(), idleTime(), m.ownTime() }

func (m *machine) end() {
	busy, idle, own := busyTime()-m.busy, idleTime()-m.idle, m.ownTime()-m.own
	if total := busy + idle; total > 0 {
		m.shares = append(m.shares, max(0, float64(busy-own)/float64(total)))
	}
}

// others are the share of the processors that others took, in the middle and at
// most.
func (m *machine) others() (usual, most float64) {
	if len(m.shares) == 0 {
		return 0, 0
	}
	return median(slices.Clone(m.shares)), slices.Max(m.shares)
}

func (m *machine) ownTime() (sum time.Duration) {
	for _, pid := range append(slices.Clone(m.known), os.Getpid()) {
		used, _ := cpuTime(pid) // a process that has ended uses nothing
		sum += used
	}
	return sum
}

// The fields of the first line of /proc/stat, in clock ticks.
const (
	fieldIdle   = 3
	fieldIOWait = 4
	fieldSteal  = 7
)

func busyTime() time.Duration {
	return cpuLine(func(field int) bool { return field != fieldIdle && field != fieldIOWait && field <= fieldSteal })
}

func idleTime() time.Duration {
	return cpuLine(func(field int) bool { return field == fieldIdle || field == fieldIOWait })
}

func cpuLine(counts func(field int) bool) (sum time.Duration) {
	stat, _ := os.ReadFile("/proc/stat") // what is not there counts nothing
	line, _, _ := bytes.Cut(stat, []byte("\n"))
	for i, text := range bytes.Fields(line) {
		n, err := strconv.ParseInt(string(text), 10, 64)
		if err == nil && counts(i-1) { // the first word is the line's name
			sum += time.Duration(n) * clockTick
		}
	}
	return sum
}
