package confine

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// start forks from a thread of its own, which has given up its rights before: a
// child inherits them from the thread that makes it, and Go offers no other
// moment between fork and exec. The thread is thrown away afterwards.
func start(cmd *exec.Cmd, p Policy, folder, name string) (*Process, error) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	proc := new(Process)
	if err := p.prepare(cmd, proc, folder, name); err != nil {
		return nil, errors.Join(err, proc.Remove())
	}
	var err error
	<-onThrowawayThread(func() { err = p.fork(cmd, proc, folder) })
	proc.cgroup.opened()
	if err != nil {
		return nil, errors.Join(err, proc.Remove())
	}
	return proc, nil
}

// onThrowawayThread runs f on a thread that nothing else ever runs on, and closes
// the channel when f has returned. It is not the main thread: that one stands for
// the whole process where the kernel asks who is who.
func onThrowawayThread(f func()) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		runtime.LockOSThread() // and not unlocked: the thread ends with the goroutine
		if unix.Gettid() != unix.Getpid() {
			f()
			close(done)
			return
		}
		// As long as the main thread is held here, another goroutine has another.
		inner := onThrowawayThread(f)
		<-inner
		runtime.UnlockOSThread()
		close(done)
	}()
	return done
}

// prepare does what can be done before: the user and the cgroup.
func (p Policy) prepare(cmd *exec.Cmd, proc *Process, folder, name string) error {
	if p.User != "" {
		credential, err := credential(p.User)
		if err == nil {
			err = give(folder, credential)
		}
		if err == nil {
			cmd.SysProcAttr.Credential = credential
		}
		proc.Level.note("user "+p.User, err)
	}
	if p.Cgroup != "" || p.CPUs > 0 || p.Processes > 0 {
		group, err := newCgroup(p, name)
		if err == nil {
			proc.cgroup = group
			cmd.SysProcAttr.UseCgroupFD, cmd.SysProcAttr.CgroupFD = true, int(group.fd.Fd())
		}
		proc.Level.note("cgroup", err)
	}
	return p.refusal(proc.Level)
}

// fork gives up the thread's rights and starts the child.
func (p Policy) fork(cmd *exec.Cmd, proc *Process, folder string) error {
	err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
	proc.Level.note("no_new_privs", err)
	if os.Geteuid() == 0 {
		proc.Level.note("no_capabilities", dropCapabilities())
	}
	if err := p.landlock(&proc.Level, folder, cmd.Path); err != nil {
		return fmt.Errorf("confine the process: %w", err)
	}
	if err := p.refusal(proc.Level); err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	err = p.limit(cmd.Process.Pid)
	proc.Level.note("rlimits", err)
	if err := p.refusal(proc.Level); err != nil {
		return errors.Join(err, cmd.Process.Kill(), ignoreExit(cmd.Wait()))
	}
	return nil
}

// dropCapabilities takes from the thread what root's programs would get when they
// are executed; its present ones stay, which changing the user needs.
func dropCapabilities() error {
	for c := range uintptr(unix.CAP_LAST_CAP + 1) {
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0); err != nil && !errors.Is(err, unix.EINVAL) { // EINVAL: not known to the kernel
			return fmt.Errorf("drop capability %d: %w", c, err)
		}
	}
	return nil
}

// ignoreExit leaves out that a killed process was killed.
func ignoreExit(err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return nil
	}
	return err
}

// limit sets the limits of a process that has just begun.
func (p Policy) limit(pid int) error {
	err := unix.Prlimit(pid, unix.RLIMIT_CORE, &unix.Rlimit{}, nil)
	if p.OpenFiles > 0 {
		n := uint64(p.OpenFiles)
		err = errors.Join(err, unix.Prlimit(pid, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: n, Max: n}, nil))
	}
	return err
}

// credential finds a user, written as "name", "name:group" or in numbers.
func credential(text string) (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("only root can run a process as another user")
	}
	name, group, hasGroup := strings.Cut(text, ":")
	u, err := user.Lookup(name)
	if err != nil {
		if u, err = user.LookupId(name); err != nil {
			return nil, fmt.Errorf("there is no user %q", name)
		}
	}
	gid := u.Gid
	if hasGroup {
		g, err := user.LookupGroup(group)
		if err != nil {
			if g, err = user.LookupGroupId(group); err != nil {
				return nil, fmt.Errorf("there is no group %q", group)
			}
		}
		gid = g.Gid
	}
	uidNumber, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gidNumber, err := strconv.ParseUint(gid, 10, 32)
	if err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uidNumber), Gid: uint32(gidNumber)}, nil
}

// give makes a folder and all in it the user's.
func give(folder string, to *syscall.Credential) error {
	return filepath.WalkDir(folder, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, int(to.Uid), int(to.Gid))
	})
}
