package confine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// cgroup is the control group of one process; see
// https://docs.kernel.org/admin-guide/cgroup-v2.html. nil is none.
type cgroup struct {
	folder string
	fd     *os.File // to start the process in it
}

// cpuPeriod is the span that cpu.max counts in, the kernel's default.
const cpuPeriod = 100 * time.Millisecond

// newCgroup makes a group with the policy's limits.
func newCgroup(p Policy, name string) (*cgroup, error) {
	if p.Cgroup == "" {
		return nil, errors.New("cpus and processes need a cgroup: name a folder of cgroup v2 that the host may use")
	}
	if _, err := os.Stat(filepath.Join(p.Cgroup, "cgroup.controllers")); err != nil {
		return nil, fmt.Errorf("%s is no folder of cgroup v2: %w", p.Cgroup, err)
	}
	limits := map[string]string{}
	if p.Memory > 0 {
		limits["memory.max"] = strconv.FormatInt(p.Memory, 10)
	}
	if p.Processes > 0 {
		limits["pids.max"] = strconv.Itoa(p.Processes)
	}
	if p.CPUs > 0 {
		limits["cpu.max"] = fmt.Sprintf("%d %d", int64(p.CPUs*float64(cpuPeriod.Microseconds())), cpuPeriod.Microseconds())
	}
	if err := enable(p.Cgroup, limits); err != nil {
		return nil, err
	}
	g := &cgroup{folder: filepath.Join(p.Cgroup, name)}
	if err := os.Mkdir(g.folder, 0o755); err != nil {
		return nil, fmt.Errorf("make a cgroup: %w", err)
	}
	for file, value := range limits {
		if err := os.WriteFile(filepath.Join(g.folder, file), []byte(value), 0); err != nil {
			return nil, errors.Join(fmt.Errorf("set the limit: %w", err), g.remove())
		}
	}
	var err error
	if g.fd, err = os.Open(g.folder); err != nil {
		return nil, errors.Join(err, g.remove())
	}
	return g, nil
}

// enable lets groups below parent have the controllers that the limits need.
func enable(parent string, limits map[string]string) error {
	file := filepath.Join(parent, "cgroup.subtree_control")
	now, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	for limit := range limits {
		controller, _, _ := strings.Cut(limit, ".")
		if strings.Contains(" "+strings.TrimSpace(string(now))+" ", " "+controller+" ") {
			continue
		}
		if err := os.WriteFile(file, []byte("+"+controller), 0); err != nil {
			return fmt.Errorf("enable %s for groups in %s (is it delegated to the host's user, and free of processes?): %w", controller, parent, err)
		}
	}
	return nil
}

// opened lets go of what was needed for the start.
func (g *cgroup) opened() {
	if g != nil && g.fd != nil {
		_ = g.fd.Close() // it was only read
		g.fd = nil
	}
}

func (g *cgroup) outOfMemory() bool {
	if g == nil {
		return false
	}
	events, err := os.ReadFile(filepath.Join(g.folder, "memory.events"))
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(events)) {
		if n, ok := strings.CutPrefix(strings.TrimSpace(line), "oom_kill "); ok {
			return n != "0"
		}
	}
	return false
}

// remove kills what is left in the group and removes it.
func (g *cgroup) remove() error {
	if g == nil {
		return nil
	}
	g.opened()
	if err := os.WriteFile(filepath.Join(g.folder, "cgroup.kill"), []byte("1"), 0); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("end what is left in the cgroup: %w", err)
	}
	// The kernel takes a moment to reap what was killed.
	var err error
	for range 50 {
		if err = os.Remove(g.folder); err == nil || errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	return fmt.Errorf("remove the cgroup: %w", err)
}
