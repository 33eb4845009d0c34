package sdk_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/sdk"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// result is how a run of the plugin ended.
type result struct {
	code           int
	stdout, stderr string
}

// command prepares a run of the test binary as a plugin, with no environment
// but its role and env.
func command(t *testing.T, role string, env []string, args ...string) *exec.Cmd {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), binary)
	cmd.Args = append([]string{"backplane-provider-sample"}, args...)
	cmd.Env = append([]string{roleEnv + "=" + role}, env...)
	return cmd
}

func run(t *testing.T, role string, env []string, args ...string) result {
	t.Helper()
	cmd := command(t, role, env, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// A program that serves, where it should have given up, is the test's failure
	// and not its hang.
	timer := time.AfterFunc(30*time.Second, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	err := cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

func contains(t *testing.T, text string, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in:\n%s", want, text)
		}
	}
}

func TestAPluginRunByHandSaysWhatItIs(t *testing.T) {
	t.Parallel()
	got := run(t, "plain", nil)
	if got.code != 1 || got.stdout != "" {
		t.Errorf("got exit %d and %q on stdout", got.code, got.stdout)
	}
	contains(t, got.stderr, "backplane-provider-sample 1.2.3: Plays a plugin in tests.", "The host starts it",
		`provider "sample" {}`, `api_key  = env("SAMPLE_KEY")`, `model    = "sample-1"`,
		"backplane conformance backplane-provider-sample", "describe", "chat (call, stream): Say it back.")
}

func TestDescribePrintsTheManifestAndNothingElse(t *testing.T) {
	t.Parallel()
	for _, role := range []string{"plain", "noisy"} {
		got := run(t, role, nil, "describe")
		var m provider.Manifest
		if err := json.Unmarshal([]byte(got.stdout), &m); err != nil || got.code != 0 {
			t.Fatalf("%s: exit %d, %v in:\n%s", role, got.code, err, got.stdout)
		}
		if m.Name != "sample" || m.SDK != "go/"+sdk.Version || len(m.Protocols) != 1 || m.Protocols[0] != 1 {
			t.Errorf("%s: got %+v", role, m)
		}
	}
}

func TestHelpAndVersionAnswerOnStdout(t *testing.T) {
	t.Parallel()
	for _, arg := range []string{"help", "-h", "--help"} {
		got := run(t, "plain", nil, arg)
		if got.code != 0 || got.stderr != "" {
			t.Errorf("%s: got exit %d and %q on stderr", arg, got.code, got.stderr)
		}
		contains(t, got.stdout, "Usage:")
	}
	got := run(t, "plain", nil, "version")
	if want := "backplane-provider-sample 1.2.3 (sdk go/" + sdk.Version + ")\n"; got.code != 0 || got.stdout != want {
		t.Errorf("got exit %d and %q, want %q", got.code, got.stdout, want)
	}
}

func TestWrongArgumentsAreExplained(t *testing.T) {
	t.Parallel()
	for want, args := range map[string][]string{
		`takes describe, version, help or -debug, not "desribe"`: {"desribe"},
		`takes one argument at most, not ["describe" "-json"]`:   {"describe", "-json"},
	} {
		got := run(t, "plain", nil, args...)
		if got.code != 2 || got.stdout != "" {
			t.Errorf("%v: got exit %d and %q on stdout", args, got.code, got.stdout)
		}
		contains(t, got.stderr, want)
	}
}

func TestAWrongManifestIsExplainedToItsAuthor(t *testing.T) {
	t.Parallel()
	for role, wants := range map[string][]string{
		"invalid": {`name: "Bad Name" is no provider name`, `version: "1" is no semantic version`, "operations: there is none"},
		"panics":  {"Describe panicked: no manifest today"},
	} {
		for _, args := range [][]string{{}, {"describe"}} {
			got := run(t, role, nil, args...)
			if got.code != 1 || got.stdout != "" {
				t.Errorf("%s %v: got exit %d and %q on stdout", role, args, got.code, got.stdout)
			}
			contains(t, got.stderr, append(wants, "its author must correct what Describe returns")...)
		}
	}
}

func TestAPluginThatCannotListenSaysSoAndFails(t *testing.T) {
	t.Parallel()
	missing := filepath.Join(t.TempDir(), "missing")
	got := run(t, "plain", []string{"BACKPLANE_PLUGIN=provider", "PLUGIN_UNIX_SOCKET_DIR=" + missing})
	if got.code != 1 || got.stdout != "" {
		t.Errorf("got exit %d and %q on stdout", got.code, got.stdout)
	}
	contains(t, got.stderr, "missing", "cannot listen")
}
