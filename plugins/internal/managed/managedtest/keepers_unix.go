//go:build unix

package managedtest

import (
	"os"
	"path/filepath"
	"syscall"
)

// keepersGone reports whether no keeper works in the directory any more: each
// holds a lock on its address until it is gone.
func keepersGone(dir string) bool {
	locks, err := filepath.Glob(filepath.Join(dir, "*.address"))
	if err != nil {
		return false
	}
	for _, path := range locks {
		f, err := os.Open(path)
		if err != nil {
			return false
		}
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		_ = f.Close() // which unlocks
		if err != nil {
			return false
		}
	}
	return true
}
