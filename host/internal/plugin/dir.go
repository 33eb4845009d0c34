package plugin

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

const (
	dirPrefix = "bp-"
	// maxSocketPath is what fits into sockaddr_un on the narrowest systems, less
	// the final zero (Linux: 108 bytes, BSD and macOS: 104).
	maxSocketPathLinux = 107
	maxSocketPathOther = 103
	// socketName is the longest name, with its directory, that go-plugin makes
	// for a socket: both end in a random number of ten digits.
	socketName = "/plugin-dir1234567890/plugin1234567890"
)

// privateDir is the directory of one process, mode 0700: its socket and its
// temporary files.
type privateDir struct {
	path string
	tmp  string   // TMPDIR and working directory of the process
	lock *os.File // says to other hosts that the directory is in use
}

// newPrivateDir makes a directory in base, which is the system's temporary
// directory if "". It fails if socket paths in it would be too long for the
// system, which would otherwise show as a plugin that ends without a word.
func newPrivateDir(base string) (*privateDir, error) {
	if base == "" {
		base = os.TempDir()
	}
	path, err := os.MkdirTemp(base, dirPrefix)
	if err != nil {
		return nil, fmt.Errorf("make a directory for the plugin's socket: %w", err)
	}
	d := &privateDir{path: path, tmp: filepath.Join(path, "tmp")}
	if err = checkSocketLength(base, path); err == nil {
		if err = os.Mkdir(d.tmp, 0o700); err == nil {
			d.lock, err = lockDir(path)
		}
	}
	if err != nil {
		return nil, errors.Join(err, d.remove())
	}
	return d, nil
}

func checkSocketLength(base, path string) error {
	limit := maxSocketPathOther
	switch runtime.GOOS {
	case "windows": // sockets are TCP there
		return nil
	case "linux":
		limit = maxSocketPathLinux
	}
	if n := len(path) + len(socketName); n > limit {
		return fmt.Errorf("the path of the plugin's socket would have %d bytes and the system allows %d: set TMPDIR of the host to a shorter path than %q", n, limit, base)
	}
	return nil
}

// remove deletes the directory with all that is in it.
func (d *privateDir) remove() error {
	err := os.RemoveAll(d.path)
	closeFiles(d.lock)
	return err
}
