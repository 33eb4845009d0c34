package config

import (
	"os"
	"path/filepath"
	"strconv"
)

// DefaultAdminAddr is the admin API's address if none is configured, for host
// and command line alike: a unix socket in $XDG_RUNTIME_DIR/backplane, or, where
// that variable is not set, in a folder of the user's own below the system's
// temporary folder.
func DefaultAdminAddr() string {
	dir := filepath.Join(os.TempDir(), "backplane-"+strconv.Itoa(os.Getuid()))
	if run := os.Getenv("XDG_RUNTIME_DIR"); run != "" {
		dir = filepath.Join(run, "backplane")
	}
	return "unix:" + filepath.Join(dir, "admin.sock")
}

// DefaultPluginDir is the folder with the providers' binaries if none is
// configured: "plugins" beside the running binary.
func DefaultPluginDir() string {
	exe, err := os.Executable()
	if err != nil {
		return "plugins"
	}
	return filepath.Join(filepath.Dir(exe), "plugins")
}
