package admin

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Listen opens the admin API's address: "unix:/path/of/socket" or "host:port".
//
// The socket can be opened by the host's user alone (mode 0600); its folder is
// made if it is missing, for that user alone (0700). A socket that nobody
// answers any more is replaced. Of TCP addresses only loopback ones are taken,
// since there is no login; allowRemote lifts that for those who put something
// in front which has one.
func Listen(ctx context.Context, addr string, allowRemote bool) (net.Listener, error) {
	if path, ok := strings.CutPrefix(addr, "unix:"); ok {
		return listenUnix(ctx, path)
	}
	return listenTCP(ctx, addr, allowRemote)
}

func listenTCP(ctx context.Context, addr string, allowRemote bool) (net.Listener, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf(`admin address %q is wrong: write "unix:/path/of/socket" or "127.0.0.1:PORT"`, addr)
	}
	if !allowRemote && !loopback(host) {
		return nil, fmt.Errorf("admin address %q can be reached from other machines, and the admin API has no login: use a unix socket, 127.0.0.1 or [::1]", addr)
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("admin address %s is in use by another process: stop it, or choose another with server.admin or -admin", addr)
	}
	if err != nil {
		return nil, fmt.Errorf("listen on the admin address: %w", err)
	}
	return l, nil
}

// loopback reports whether the host leads to this machine only. Names other
// than localhost can lead anywhere tomorrow.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func listenUnix(ctx context.Context, path string) (net.Listener, error) {
	if path == "" {
		return nil, errors.New(`admin address "unix:" names no path: write "unix:/path/of/socket"`)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of the admin socket: %w; choose another with server.admin or -admin", err)
	}
	if err := removeStale(ctx, path); err != nil {
		return nil, err
	}
	lc := net.ListenConfig{Control: private}
	l, err := lc.Listen(ctx, "unix", path)
	if errors.Is(err, syscall.EINVAL) {
		return nil, fmt.Errorf("admin socket %s: the system takes no path of %d bytes, about 100 are allowed: choose a shorter one with server.admin or -admin", path, len(path))
	}
	if err != nil {
		return nil, fmt.Errorf("listen on the admin socket: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("protect the admin socket: %w", err), l.Close())
	}
	return l, nil
}

// removeStale removes a socket that a dead host left behind.
func removeStale(ctx context.Context, path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look at the admin socket: %w", err)
	}
	if info.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("admin address unix:%s is in the way of a file that is no socket: remove it, or choose another path with server.admin or -admin", path)
	}
	dialer := net.Dialer{Timeout: time.Second}
	conn, err := dialer.DialContext(ctx, "unix", path)
	switch {
	case err == nil:
		_ = conn.Close() // it was opened only to see whether somebody answers
		return fmt.Errorf("admin address unix:%s is in use by another process, likely another host: stop it, or choose another path with server.admin or -admin", path)
	case !errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("admin address unix:%s: there is a socket that cannot be checked: %w", path, err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the stale admin socket: %w", err)
	}
	return nil
}
