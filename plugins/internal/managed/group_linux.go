package managed

import "syscall"

// ownGroup puts the server into a process group of its own, which can be ended
// as a whole, and has the kernel kill it if the keeper is killed.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// ownImage is this program, also where its file was replaced or removed.
func ownImage() (string, error) { return "/proc/self/exe", nil }
