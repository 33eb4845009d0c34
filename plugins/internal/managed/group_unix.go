//go:build unix && !linux

package managed

import (
	"os"
	"syscall"
)

// ownGroup puts the server into a process group of its own, which can be ended
// as a whole.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// ownImage is this program.
func ownImage() (string, error) { return os.Executable() }
