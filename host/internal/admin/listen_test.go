package admin_test

import (
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/host/internal/admin"
)

// socketPath returns a path that is short enough for a socket.
func socketPath(t *testing.T, name string) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "bpa")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return filepath.Join(dir, name)
}

func listen(t *testing.T, addr string, remote bool) net.Listener {
	t.Helper()
	l, err := admin.Listen(t.Context(), addr, remote)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func wantListenError(t *testing.T, addr, want string) {
	t.Helper()
	l, err := admin.Listen(t.Context(), addr, false)
	if err == nil {
		_ = l.Close()
		t.Fatalf("%s: listens", addr)
	}
	if !strings.Contains(err.Error(), want) {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestTheSocketIsForItsUserAlone(t *testing.T) {
	t.Parallel()
	path := socketPath(t, "sub/admin.sock")
	l := listen(t, "unix:"+path, false)
	for file, want := range map[string]fs.FileMode{path: 0o600, filepath.Dir(path): 0o700} {
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s: mode %o, want %o", file, got, want)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(path); err == nil {
		t.Error("the socket is left behind")
	}
}

func TestASocketInUseIsLeftAlone(t *testing.T) {
	t.Parallel()
	path := socketPath(t, "admin.sock")
	l := listen(t, "unix:"+path, false)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_ = conn.Close()
		}
	}()
	wantListenError(t, "unix:"+path, "admin address unix:"+path+" is in use by another process, likely another host: stop it, or choose another path with server.admin or -admin")
	if conn, err := net.Dial("unix", path); err != nil {
		t.Errorf("the first host lost its socket: %v", err)
	} else {
		_ = conn.Close()
	}
}

func TestAStaleSocketIsReplaced(t *testing.T) {
	t.Parallel()
	path := socketPath(t, "admin.sock")
	dead := listen(t, "unix:"+path, false).(*net.UnixListener)
	dead.SetUnlinkOnClose(false) // as if the host had been killed
	if err := dead.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(path); err != nil {
		t.Fatal("the test left no stale socket")
	}
	listen(t, "unix:"+path, false)
}

func TestAFileInTheWayIsNotRemoved(t *testing.T) {
	t.Parallel()
	path := socketPath(t, "admin.sock")
	if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	wantListenError(t, "unix:"+path, "admin address unix:"+path+" is in the way of a file that is no socket: remove it, or choose another path with server.admin or -admin")
	if data, err := os.ReadFile(path); err != nil || string(data) != "mine" {
		t.Errorf("the file is gone: %v", err)
	}
}

func TestWrongAddressesAreExplained(t *testing.T) {
	t.Parallel()
	wantListenError(t, "unix:", `admin address "unix:" names no path`)
	wantListenError(t, "nonsense", `admin address "nonsense" is wrong: write "unix:/path/of/socket" or "127.0.0.1:PORT"`)
	wantListenError(t, "unix:/tmp/"+strings.Repeat("x", 120), "takes no path of 125 bytes")
	const remote = "can be reached from other machines, and the admin API has no login: use a unix socket, 127.0.0.1 or [::1]"
	for _, addr := range []string{":0", "0.0.0.0:0", "[::]:0", "192.0.2.1:0", "example.com:0"} {
		wantListenError(t, addr, remote)
	}
}

func TestLoopbackIsTakenAndOthersIfAllowed(t *testing.T) {
	t.Parallel()
	l := listen(t, "127.0.0.1:0", false)
	listen(t, "localhost:0", false)
	listen(t, "0.0.0.0:0", true)
	wantListenError(t, l.Addr().String(), "admin address "+l.Addr().String()+" is in use by another process")
}
