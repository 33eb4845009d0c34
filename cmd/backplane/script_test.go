package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets the test binary play the backplane command in scripts.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"backplane": main})
}

// TestScripts runs testdata/script. Beside testscript's own commands there are
//
//	code N PROGRAM ARG...   run a program that must end with exit code N
//	start ARG...            run `backplane serve` until it says that it is ready
//	halt [CODE SIGNAL]      end it with the signal, TERM as a rule, and wait; the exit
//	                        code must be CODE, 0 as a rule; output is in host.out
//	                        and host.err
//	signal SIGNAL           send the host a signal, do not wait
//	hosterr PATTERN         wait until the host has written that to standard error
//	killplugin NAME         kill -9 the process of a provider and wait for its end
//	running ENDPOINT N      wait until N requests run on an endpoint
//	latest ENDPOINT         put the id of an endpoint's latest request into $REQUEST
//	until PATTERN CMD...    repeat a command until its output matches, for a while
//
// Hosts run on a free port, with an admin socket of their own. $PLUGINS is the
// folder with the plugins, $ECHO the binary of the echo plugin, $V1 and $V2 are two
// versions of the plugin in host/testdata/versions, $VCRASH is one that crashes
// after its first call, $EXAMPLE the configuration that scripts/run starts with.
func TestScripts(t *testing.T) {
	t.Parallel()
	plugins := buildPlugins(t, "echo", "openai")
	buildVersions(t, plugins)
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup:               func(env *testscript.Env) error { return setUp(env, plugins) },
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"code": cmdCode, "start": cmdStart, "halt": cmdHalt, "signal": cmdSignal, "hosterr": cmdHostErr,
			"killplugin": cmdKillPlugin, "running": cmdRunning, "until": cmdUntil, "latest": cmdLatest,
		},
	})
}

func setUp(env *testscript.Env, plugins string) error {
	// Not below $WORK: the path of a socket has room for a hundred bytes.
	dir, err := os.MkdirTemp("", "bp")
	if err != nil {
		return err
	}
	h := &hostProcess{}
	env.Values[hostKey{}] = h
	env.Defer(func() {
		h.kill()
		_ = os.RemoveAll(dir) // the system tidies what is left
	})
	root, err := filepath.Abs("../..")
	if err != nil {
		return err
	}
	env.Setenv("EXAMPLE", filepath.Join(root, "config.hcl.example"))
	env.Setenv("PLUGINS", plugins)
	env.Setenv("ECHO", filepath.Join(plugins, "backplane-provider-echo"))
	for _, version := range []string{"v1", "v2", "vcrash"} {
		env.Setenv(strings.ToUpper(version), filepath.Join(plugins, version))
	}
	env.Setenv("BACKPLANE_ADMIN", "unix:"+filepath.Join(dir, "admin.sock"))
	env.Setenv("BACKPLANE_ADDR", "http://127.0.0.1:1") // nobody listens there
	return nil
}

// buildPlugins builds the named plugins into a folder.
func buildPlugins(t *testing.T, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range names {
		build := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false",
			"-o", filepath.Join(dir, "backplane-provider-"+name), "../../plugins/"+name)
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("build plugin %s: %v\n%s", name, err, out)
		}
	}
	return dir
}

// buildVersions builds versions of one plugin into a folder.
func buildVersions(t *testing.T, dir string) {
	t.Helper()
	for name, flags := range map[string]string{
		"v1": "", "v2": "-X main.version=2.0.0", "vcrash": "-X main.version=3.0.0 -X main.fault=crash",
	} {
		build := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-ldflags", flags,
			"-o", filepath.Join(dir, name), "../../host/testdata/versions")
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("build version %s: %v\n%s", name, err, out)
		}
	}
}

func cmdCode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N PROGRAM ARG...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	err = ts.Exec(args[1], args[2:]...)
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}
