//go:build unix

package managed

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// lockPoll is the time between two tries at a lock that another has.
const lockPoll = 50 * time.Millisecond

// runtimePath is where locks and sockets are.
func runtimePath(configured string) string {
	if configured != "" {
		return configured
	}
	uid := strconv.Itoa(os.Getuid())
	if own := filepath.Join("/run/user", uid); owned(own) == nil {
		return filepath.Join(own, "backplane")
	}
	return filepath.Join("/tmp", "backplane-"+uid)
}

// runtimeDir is the directory of locks and sockets. It must be the user's alone:
// whoever can write there could have servers stopped.
func runtimeDir(configured string) (string, error) {
	dir := runtimePath(configured)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", cannot("make the directory for locks, %w; %s", err, orOther(err))
	}
	if err := owned(dir); err != nil {
		return "", cannot("use %s for locks: %w; %s", dir, err, orOther(err))
	}
	return dir, nil
}

// openFiles is what to do where the plugin may not use a file. It cannot see
// whether its host or its user is the reason.
const openFiles = `plugins have private files: to let this one start servers, write process { files = "any" } into its provider block`

// orOther is what to do about the directory.
func orOther(err error) string {
	if errors.Is(err, fs.ErrPermission) {
		return openFiles
	}
	return "set runtime_dir to another"
}

func owned(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !info.IsDir() || !ok || int(stat.Uid) != os.Getuid() || info.Mode().Perm()&0o077 != 0 {
		return errors.New("it must be a directory that this user alone can read")
	}
	return nil
}

func cannot(format string, args ...any) *provider.Error {
	e := provider.Errorf(provider.CodeInternal, "cannot "+format, args...)
	e.Retry = provider.RetryNever
	return e
}

// lock is a lock on a file. The operating system gives it back when the last
// process that has the file open, as it was opened here, is gone.
type lock struct{ file *os.File }

// How a lock is held: by one, or by any number.
const (
	exclusive = syscall.LOCK_EX
	shared    = syscall.LOCK_SH
)

// tryLock takes a lock if that is possible now; nil if it is not.
func tryLock(path string, how int) (*lock, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, cannot("lock: %w; %s", err, orOther(err))
	}
	err = retryInterrupted(func() error { return syscall.Flock(int(f.Fd()), how|syscall.LOCK_NB) })
	if err == nil {
		return &lock{f}, nil
	}
	_ = f.Close() // nothing was written
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, nil
	}
	return nil, cannot("lock %s: %w", path, err)
}

// awaitLock waits for a lock until ctx ends.
func awaitLock(ctx context.Context, path string, how int) (*lock, error) {
	for {
		l, err := tryLock(path, how)
		if l != nil || err != nil {
			return l, err
		}
		if err := sleep(ctx, lockPoll); err != nil {
			return nil, fmt.Errorf("wait for %s: %w", filepath.Base(path), err)
		}
	}
}

// awaitUnused returns an exclusive lock once nobody has a lock on the file. It
// waits in the kernel, so that it costs nothing.
func awaitUnused(path string) (*lock, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	return &lock{f}, retryInterrupted(func() error { return syscall.Flock(int(f.Fd()), exclusive) })
}

func retryInterrupted(f func() error) error {
	for {
		if err := f(); !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

// release gives the lock back. A nil lock is none.
func (l *lock) release() {
	if l != nil {
		_ = l.file.Close() // which unlocks; nothing was written
	}
}
