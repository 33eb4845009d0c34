package confine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Landlock's rights, by the version of its interface that brought them
// (https://docs.kernel.org/userspace-api/landlock.html). Unknown ones are
// refused, so that older kernels are asked for less.
const (
	readRights  = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR
	fileRights  = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_TRUNCATE | unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	rights1     = unix.LANDLOCK_ACCESS_FS_MAKE_SYM<<1 - 1
	rights2     = rights1 | unix.LANDLOCK_ACCESS_FS_REFER
	rights3     = rights2 | unix.LANDLOCK_ACCESS_FS_TRUNCATE
	netVersion  = 4
	rights5     = rights3 | unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	scopeSince  = 6
	deviceNodes = unix.LANDLOCK_ACCESS_FS_MAKE_CHAR | unix.LANDLOCK_ACCESS_FS_MAKE_BLOCK
)

// system is what programs of any language need: their interpreters and
// libraries, certificates, how names are resolved, and harmless devices.
var (
	system = []string{
		"/bin", "/sbin", "/usr", "/lib", "/lib32", "/lib64", "/opt", "/nix", "/proc", "/sys/fs/cgroup", "/sys/devices/system/cpu", "/sys/kernel/mm",
		"/etc/alternatives", "/etc/ca-certificates", "/etc/gai.conf", "/etc/host.conf", "/etc/hosts", "/etc/ld.so.cache", "/etc/ld.so.conf",
		"/etc/ld.so.conf.d", "/etc/localtime", "/etc/mime.types", "/etc/nsswitch.conf", "/etc/pki", "/etc/protocols", "/etc/resolv.conf",
		"/etc/services", "/etc/ssl", "/run/systemd/resolve", "/var/lib/ca-certificates",
	}
	devices = []string{"/dev/full", "/dev/null", "/dev/random", "/dev/urandom", "/dev/zero"}
)

// landlock restricts the calling thread, and all that it starts. That alone
// keeps it from looking into processes outside (ptrace, /proc/PID/environ). A
// kernel without Landlock is noted; an error means that the kernel has it and the
// thread is not restricted all the same, so that nothing may be started.
func (p Policy) landlock(l *Level, folder, program string) error {
	version, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		err := fmt.Errorf("the kernel has no Landlock (%w)", errno)
		l.note("isolation", err)
		p.noteWanted(l, err)
		return nil
	}
	ruleset, err := p.ruleset(l, p.attributes(int(version)), folder, program)
	if err != nil {
		return err
	}
	if err := errors.Join(restrict(ruleset), unix.Close(ruleset)); err != nil {
		return err
	}
	l.note("isolation", nil)
	p.noteWanted(l, nil)
	if int(version) < netVersion && (p.Connect != nil || p.Bind != nil) {
		l.Has = l.Has[:len(l.Has)-1]
		l.note("ports", fmt.Errorf("the kernel's Landlock has version %d, ports need %d", version, netVersion))
	}
	return nil
}

// noteWanted notes files and ports where the policy asks for them.
func (p Policy) noteWanted(l *Level, err error) {
	if !p.AnyFile {
		l.note("files", err)
	}
	if p.Connect != nil || p.Bind != nil {
		l.note("ports", err)
	}
}

// attributes are the rights that the policy takes away, as far as the kernel
// knows them.
func (p Policy) attributes(version int) unix.LandlockRulesetAttr {
	attr := unix.LandlockRulesetAttr{Handled_access_fs: deviceNodes}
	if !p.AnyFile {
		switch {
		case version >= 5:
			attr.Handled_access_fs = rights5
		case version >= 3:
			attr.Handled_access_fs = rights3
		case version == 2:
			attr.Handled_access_fs = rights2
		default:
			attr.Handled_access_fs = rights1
		}
	}
	if version >= netVersion {
		if p.Connect != nil {
			attr.Handled_access_net |= unix.LANDLOCK_ACCESS_NET_CONNECT_TCP
		}
		if p.Bind != nil {
			attr.Handled_access_net |= unix.LANDLOCK_ACCESS_NET_BIND_TCP
		}
	}
	if version >= scopeSince {
		attr.Scoped = unix.LANDLOCK_SCOPE_SIGNAL | unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET
	}
	return attr
}

// ruleset makes the kernel's object of the rules.
func (p Policy) ruleset(l *Level, attr unix.LandlockRulesetAttr, folder, program string) (int, error) {
	fd, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr), 0)
	if errno != 0 {
		return -1, fmt.Errorf("make a Landlock ruleset: %w", errno)
	}
	ruleset := int(fd)
	err := p.openFiles(l, ruleset, attr.Handled_access_fs, folder, program)
	for access, ports := range map[uint64][]uint16{
		unix.LANDLOCK_ACCESS_NET_CONNECT_TCP: p.Connect, unix.LANDLOCK_ACCESS_NET_BIND_TCP: p.Bind,
	} {
		for _, port := range ports {
			if attr.Handled_access_net&access != 0 {
				err = errors.Join(err, openPort(ruleset, access, port))
			}
		}
	}
	if err != nil {
		return -1, errors.Join(err, unix.Close(ruleset))
	}
	return ruleset, nil
}

// openFiles adds the files that stay open. What the policy names and is not there
// is noted, and stays closed should it come.
func (p Policy) openFiles(l *Level, ruleset int, handled uint64, folder, program string) error {
	if p.AnyFile {
		return nil
	}
	open := func(paths []string, access uint64, missing func(string, error)) error {
		for _, path := range paths {
			err := openPath(ruleset, path, access&handled)
			if errors.Is(err, fs.ErrNotExist) {
				missing(path, err)
			} else if err != nil {
				return err
			}
		}
		return nil
	}
	usual := func(string, error) {} // no system has all of them
	named := func(path string, _ error) { l.note("access to "+path, errors.New("it does not exist")) }
	all := uint64(rights5)
	err := errors.Join(
		open(system, readRights, usual),
		open(devices, readRights|unix.LANDLOCK_ACCESS_FS_WRITE_FILE, usual),
		open([]string{folder}, all, named),
		open(p.Read, readRights, named),
		open(p.Write, all, named))
	if dir := filepath.Dir(program); filepath.IsAbs(program) && !strings.HasPrefix(program, "/proc/") {
		err = errors.Join(err, open([]string{dir}, readRights, named))
	}
	return err
}

func openPath(ruleset int, path string, access uint64) error {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open to the process", Path: path, Err: err}
	}
	defer func() { _ = unix.Close(fd) }() // it only names the path
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil {
		return &os.PathError{Op: "look at", Path: path, Err: err}
	}
	if stat.Mode&unix.S_IFMT != unix.S_IFDIR {
		access &= fileRights // rights of folders are refused for files
	}
	attr := unix.LandlockPathBeneathAttr{Allowed_access: access, Parent_fd: int32(fd)}
	_, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(ruleset), unix.LANDLOCK_RULE_PATH_BENEATH, uintptr(unsafe.Pointer(&attr)), 0, 0, 0)
	if errno != 0 {
		return &os.PathError{Op: "open to the process", Path: path, Err: errno}
	}
	return nil
}

func openPort(ruleset int, access uint64, port uint16) error {
	const ruleNetPort = 2 // LANDLOCK_RULE_NET_PORT
	attr := struct{ allowed, port uint64 }{access, uint64(port)}
	_, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(ruleset), ruleNetPort, uintptr(unsafe.Pointer(&attr)), 0, 0, 0)
	if errno != 0 {
		return fmt.Errorf("open port %d to the process: %w", port, errno)
	}
	return nil
}

func restrict(ruleset int) error {
	if _, _, errno := unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, uintptr(ruleset), 0, 0); errno != 0 {
		return fmt.Errorf("restrict the process: %w", errno)
	}
	return nil
}
