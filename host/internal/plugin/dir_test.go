//go:build unix

package plugin

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// shortTempDir is t.TempDir without the test's name, which does not fit into the
// path of a socket.
func shortTempDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "t")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func TestThePrivateDirectoryIsPrivateAndGoesAway(t *testing.T) {
	t.Parallel()
	base := shortTempDir(t)
	d, err := newPrivateDir(base)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{d.path, d.tmp} {
		info, err := os.Stat(path)
		if err != nil || info.Mode() != fs.ModeDir|0o700 {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
	if err := d.remove(); err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(base); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestATooLongDirectoryIsRefusedWithItsLength(t *testing.T) {
	t.Parallel()
	base := filepath.Join(t.TempDir(), strings.Repeat("long", 25))
	if err := os.Mkdir(base, 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := newPrivateDir(base)
	wantError(t, err, "bytes and the system allows", "set TMPDIR", base)
	if left, _ := os.ReadDir(base); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestSweepRemovesOnlyWhatNoHostHolds(t *testing.T) {
	t.Parallel()
	base := shortTempDir(t)
	abandonedDir, err := newPrivateDir(base)
	if err != nil {
		t.Fatal(err)
	}
	closeFiles(abandonedDir.lock) // as the kernel does when a host dies
	held, err := newPrivateDir(base)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = held.remove() })
	stranger := filepath.Join(base, "bp-of-somebody")
	if err := os.Mkdir(stranger, 0o700); err != nil {
		t.Fatal(err)
	}

	sweep(base)

	for path, want := range map[string]bool{abandonedDir.path: false, held.path: true, stranger: true} {
		if _, err := os.Stat(path); (err == nil) != want {
			t.Errorf("%s: kept = %v, want %v", path, err == nil, want)
		}
	}
}
