//go:build unix

package plugin

import (
	"os"
	"path/filepath"
	"sync"
	"syscall"
)

const lockName = "lock"

// lockDir marks the directory as used by a living host. The kernel takes the
// lock away when the host dies, by whatever cause. The file gets its name only
// when it is locked, so that sweep never meets one that is not yet.
func lockDir(path string) (*os.File, error) {
	draft := filepath.Join(path, lockName+".new")
	f, err := os.OpenFile(draft, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		err = os.Rename(draft, filepath.Join(path, lockName))
	}
	if err != nil {
		closeFiles(f)
		return nil, err
	}
	return f, nil
}

// sweepOnce clears up once per host, before its first process.
var sweepOnce sync.Once

// sweep removes the directories in base that hosts left behind which were
// killed: those of this user whose lock nobody holds.
func sweep(base string) {
	if base == "" {
		base = os.TempDir()
	}
	locks, _ := filepath.Glob(filepath.Join(base, dirPrefix+"*", lockName)) // the pattern is fixed
	for _, lock := range locks {
		if abandoned(lock) {
			_ = os.RemoveAll(filepath.Dir(lock)) // the next host tries again
		}
	}
}

func abandoned(lock string) bool {
	f, err := os.OpenFile(lock, os.O_WRONLY|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return false // another user's, or gone
	}
	defer closeFiles(f)
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil
}
