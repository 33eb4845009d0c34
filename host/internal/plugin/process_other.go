//go:build !unix

package plugin

import (
	"os"
	"syscall"
)

// ownGroup has no counterpart here: only the process itself can be ended.
func ownGroup() *syscall.SysProcAttr { return nil }

// killGroup kills the process.
func killGroup(p *os.Process) error {
	if p == nil {
		return os.ErrProcessDone
	}
	return p.Kill()
}

// terminateGroup kills the process: there is no gentler signal.
func terminateGroup(p *os.Process) error { return killGroup(p) }
