// Package managedtest holds what tests of managed servers share: a fake server
// that is a process of its own, and a fake of the Docker Engine, both labelled as
// what they are.
package managedtest

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/backplane-dev/backplane/plugins/internal/managed"
)

// Main is the TestMain of a package whose tests start servers: the test binary
// is the keeper, and the fake server, too.
func Main(m *testing.M) {
	managed.Keep()
	if len(os.Args) > 1 && os.Args[1] == fakeArgument {
		os.Exit(serveFake(os.Args[2:]))
	}
	goleak.VerifyTestMain(m)
}

// Command is the command of a fake server, as a setting of an endpoint.
func Command(t testing.TB, args ...string) []string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return append([]string{self, fakeArgument, "--host", "{host}", "--port", "{port}", "--model", "{model}"}, args...)
}

// Starts returns the process ids of the fake servers that wrote to a file.
func Starts(t testing.TB, file string) []int {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	var pids []int
	for line := range strings.FieldsSeq(string(data)) {
		pid, err := strconv.Atoi(line)
		if err != nil {
			t.Fatal(err)
		}
		pids = append(pids, pid)
	}
	return pids
}

// FreePort returns a port of loopback on which nobody listens.
func FreePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it is closed at once
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// Dir makes a directory for locks and sockets, whose names must be short. No
// keeper may be left in it at the end of the test.
func Dir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "bpm")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		Eventually(t, "the keepers end", func() bool {
			sockets, err := filepath.Glob(filepath.Join(dir, "*.sock"))
			return err == nil && len(sockets) == 0 && keepersGone(dir)
		})
		_ = os.RemoveAll(dir)
	})
	return dir
}

// Eventually waits until something holds.
func Eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for limit := time.Now().Add(15 * time.Second); time.Now().Before(limit); time.Sleep(20 * time.Millisecond) {
		if holds() {
			return
		}
	}
	t.Fatalf("it did not happen within 15 s: %s", what)
}
