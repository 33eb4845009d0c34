// Package confine starts a plugin's process with no more rights than it needs.
//
// The floor, which every process gets: it gains no rights by executing
// set-user-ID programs (no_new_privs), has none of root's capabilities even as
// root, and leaves no core dumps. On Linux with Landlock it can neither signal nor
// look into processes other than its own, which is what keeps one plugin from
// another's keys. On top of it a [Policy] bounds memory, CPU, processes and open
// files, and says which files and ports are open to it.
//
// What the system cannot do is not done and told: see [Level]. With
// [Policy.Required] the start fails instead.
package confine

import (
	"fmt"
	"os/exec"
	"strings"
)

// Policy says what a process may do. The zero Policy is the floor, without access
// to files.
type Policy struct {
	// Memory in bytes: the limit of the process's cgroup, and nine tenths of it
	// GOMEMLIMIT, which Go programs keep to by collecting more often. 0: no bound.
	Memory int64
	// CPUs is the share of processors, 1.5 is one and a half; Processes the number
	// of processes and threads. Both need a cgroup. 0: no bound.
	CPUs      float64
	Processes int
	// OpenFiles bounds open files and connections; 0 leaves the host's bound.
	OpenFiles int
	// User to run as: a name or number, with ":group" if it is not the user's own.
	// Only root can change users. "" is the host's user.
	User string
	// AnyFile opens all files that the user may open. Otherwise the process has
	// its own folder, the system's programs, libraries and certificates, and what
	// Read and Write name, files or whole folders.
	AnyFile     bool
	Read, Write []string
	// Connect and Bind are the TCP ports that the process may connect to and
	// listen on; nil is any port. UDP, which names are resolved by, is open.
	Connect, Bind []uint16
	// Cgroup is a folder of cgroup v2 that the host may make others in; "" is
	// none.
	Cgroup string
	// Required refuses to start a process that does not get all of it.
	Required bool
}

// Env are the variables that follow from the policy.
func (p Policy) Env() []string {
	if p.Memory <= 0 {
		return nil
	}
	return []string{fmt.Sprintf("GOMEMLIMIT=%d", p.Memory/10*9)}
}

// Level says which of the means a process has, and why not the others.
type Level struct {
	Has     []string
	Missing []string
}

func (l *Level) note(what string, err error) {
	if err == nil {
		l.Has = append(l.Has, what)
		return
	}
	l.Missing = append(l.Missing, what+": "+err.Error())
}

// String is the level in one line: "no_new_privs, rlimits, files (missing:
// cgroup: ...)".
func (l Level) String() string {
	text := strings.Join(l.Has, ", ")
	if text == "" {
		text = "none"
	}
	if len(l.Missing) > 0 {
		text += " (missing: " + strings.Join(l.Missing, "; ") + ")"
	}
	return text
}

// Process is a confined process that was started.
type Process struct {
	Level  Level
	cgroup *cgroup
}

// Start starts cmd under the policy. folder is the process's own, open to it for
// reading and writing; name, unique on this machine, is that of its cgroup. Call
// [Process.Remove] when the process has ended.
func Start(cmd *exec.Cmd, p Policy, folder, name string) (*Process, error) {
	return start(cmd, p, folder, name)
}

// OutOfMemory reports whether the kernel killed something in the process's cgroup
// for want of memory. Call it before Remove.
func (p *Process) OutOfMemory() bool { return p.cgroup.outOfMemory() }

// Remove removes what was made for the process, with what is left in it. It may
// be called more than once, and on nil.
func (p *Process) Remove() error {
	if p == nil {
		return nil
	}
	return p.cgroup.remove()
}

// refusal is the error of a policy that is required and not reached.
func (p Policy) refusal(l Level) error {
	if !p.Required || len(l.Missing) == 0 {
		return nil
	}
	return fmt.Errorf("the process cannot be confined as required: %s", strings.Join(l.Missing, "; "))
}
