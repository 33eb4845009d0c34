//go:build unix

package plugin

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
)

// miniHostEnv makes this binary a host: it names the file for the process id of
// the plugin.
const miniHostEnv = "TEST_MINI_HOST"

// miniHost runs the test plugin until it is killed.
func miniHost() {
	spec, err := binary()
	if err != nil {
		panic(err)
	}
	p := New(spec, hclog.Default())
	if err := p.Start(context.Background()); err != nil {
		panic(err)
	}
	file := os.Getenv(miniHostEnv)
	if err := os.WriteFile(file+".dir", []byte(p.current.Load().proc.dir.path), 0o600); err != nil {
		panic(err)
	}
	if err := os.WriteFile(file, fmt.Append(nil, p.Status(false).PID), 0o600); err != nil {
		panic(err)
	}
	time.Sleep(time.Hour)
}

func TestThePluginEndsWhenTheHostIsKilled(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	tmp := shortTempDir(t)
	file := filepath.Join(tmp, "pid")
	host := exec.Command(self)
	host.Env = append(os.Environ(), miniHostEnv+"="+file, "TMPDIR="+tmp)
	host.Stderr = os.Stderr
	if err := host.Start(); err != nil {
		t.Fatal(err)
	}
	pid := readPid(t, file)
	if err := host.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = host.Wait() // killed
	waitGone(t, pid)

	// What it could not remove any more, the next host does.
	dir, err := os.ReadFile(file + ".dir")
	if err != nil {
		t.Fatal(err)
	}
	sweep(tmp)
	if _, err := os.Stat(string(dir)); !os.IsNotExist(err) {
		t.Errorf("%s is left: %v", dir, err)
	}
}
