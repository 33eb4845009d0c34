//go:build unix

package plugin

import (
	"errors"
	"os"
	"syscall"
)

// ownGroup puts a child into a process group of its own: the terminal's Ctrl-C
// does not reach it, and its children can be ended with it.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// killGroup kills the process and all members of its group. It may be called
// right after the process was reaped: the group's id stays taken as long as it
// has members.
func killGroup(p *os.Process) error { return signalGroup(p, syscall.SIGKILL) }

// terminateGroup asks the group to end.
func terminateGroup(p *os.Process) error { return signalGroup(p, syscall.SIGTERM) }

func signalGroup(p *os.Process, sig syscall.Signal) error {
	if p == nil || p.Pid <= 0 {
		return os.ErrProcessDone
	}
	err := syscall.Kill(-p.Pid, sig)
	if errors.Is(err, syscall.ESRCH) {
		return os.ErrProcessDone
	}
	return err
}
