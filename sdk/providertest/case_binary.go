package providertest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"time"

	"github.com/backplane-dev/backplane/sdk/client"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// binaryCases look at the binary from outside, before the kit starts it as the
// host does.
var binaryCases = []testCase{
	{
		name:   "describe/subcommand",
		why:    "the host and its operator learn what a plugin can do from `describe`, before they trust it with keys",
		advice: "answer the argument `describe` with the manifest as JSON on standard output and nothing else, exit 0, within 5 s; sdk.Serve does so if nothing runs or prints before it",
		run:    describeSubcommand,
	},
	{
		name:   "start/by-hand",
		why:    "sooner or later somebody starts the plugin in a shell and must not be left in front of a silent process",
		advice: "without BACKPLANE_PLUGIN in the environment say what the program is and how it is used, and exit with a code other than 0; sdk.Serve does so",
		run:    startByHand,
	},
	{
		name:   "start/handshake",
		why:    "the host reads where to connect from the first line of standard output; anything else there makes the start fail",
		advice: "print nothing to standard output, also not from an init function or a library; log to standard error",
		run:    handshake,
	},
}

// outcomeOf runs the binary with nothing but the given environment.
func outcomeOf(ctx context.Context, l *lab, env []string, args ...string) (stdout, stderr string, err error) {
	ctx, cancel := context.WithTimeout(ctx, describeTimeout)
	defer cancel()
	var out, errs text
	cmd := exec.CommandContext(ctx, l.binary(), args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = env, &out, &errs
	cmd.WaitDelay = time.Second
	err = cmd.Run()
	if ctx.Err() != nil {
		err = fmt.Errorf("it did not end within %v", describeTimeout)
	}
	return out.String(), errs.String(), err
}

func needBinary(l *lab) error {
	if l.binary() == "" {
		return skipf("only for binaries; run `backplane conformance` on the built plugin")
	}
	return nil
}

func describeSubcommand(ctx context.Context, l *lab) error {
	if err := needBinary(l); err != nil {
		return err
	}
	stdout, stderr, err := outcomeOf(ctx, l, []string{}, "describe")
	if err != nil {
		return fmt.Errorf("`describe` failed: %w; it wrote %q to standard error", err, firstLine(stderr))
	}
	m, err := decodeManifest(stdout)
	if err != nil {
		return err
	}
	if want := strings.TrimPrefix(strings.TrimSuffix(filepath.Base(l.binary()), ".exe"), binaryPrefix); m.Name != want &&
		strings.HasPrefix(filepath.Base(l.binary()), binaryPrefix) {
		return &failure{
			seen:   fmt.Sprintf("the manifest's name is %q, but the file is called %s", m.Name, filepath.Base(l.binary())),
			advice: "name the binary " + binaryPrefix + m.Name + ": the host finds a provider by its name",
		}
	}
	return nil
}

const binaryPrefix = "backplane-provider-"

// decodeManifest reads the one JSON document that describe prints.
func decodeManifest(stdout string) (provider.Manifest, error) {
	var m provider.Manifest
	dec := json.NewDecoder(strings.NewReader(stdout))
	if err := dec.Decode(&m); err != nil {
		return m, fmt.Errorf("`describe` printed what is not a manifest as JSON: %w; it begins with %q", err, firstLine(stdout))
	}
	if rest := strings.TrimSpace(stdout[dec.InputOffset():]); rest != "" {
		return m, fmt.Errorf("`describe` printed more than the manifest: %q", firstLine(rest))
	}
	return m, nil
}

func startByHand(ctx context.Context, l *lab) error {
	if err := needBinary(l); err != nil {
		return err
	}
	stdout, stderr, err := outcomeOf(ctx, l, []string{})
	var exit *exec.ExitError
	switch {
	case err == nil:
		return errors.New("started by hand it exits with code 0")
	case !errors.As(err, &exit):
		return fmt.Errorf("started by hand: %w", err)
	case !strings.Contains(strings.ToLower(stdout+stderr), "plugin"):
		return fmt.Errorf("started by hand it does not say that it is a plugin; it wrote %q", firstLine(stdout+stderr))
	default:
		return nil
	}
}

// handshakeLine is go-plugin's, with a unix socket or a TCP address and the
// certificate that mutual TLS adds.
var handshakeLine = regexp.MustCompile(`^1\|1\|(unix|tcp)\|[^|]+\|grpc(\|[^|]*)*$`)

func handshake(ctx context.Context, l *lab) error {
	if err := needBinary(l); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "conformance")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // it is in the system's temporary directory
	var out, errs text
	cmd := exec.Command(l.binary())
	cmd.Env = handshakeEnv(dir)
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &out, &errs, time.Second
	if err := cmd.Start(); err != nil {
		return err
	}
	defer func() {
		_ = cmd.Process.Kill() // it may have ended by itself
		_ = cmd.Wait()         // killed: always an error
	}()
	return awaitHandshake(ctx, &out, &errs)
}

// handshakeEnv is the environment in which a plugin serves, with its socket in dir.
func handshakeEnv(dir string) []string {
	return []string{
		client.Handshake.MagicCookieKey + "=" + client.Handshake.MagicCookieValue,
		"PLUGIN_PROTOCOL_VERSIONS=1", "PLUGIN_UNIX_SOCKET_DIR=" + dir,
	}
}

// awaitHandshake waits for the first line and a little longer for a second one.
func awaitHandshake(ctx context.Context, out, errs *text) error {
	quiet := time.Now().Add(startTimeout)
	seen := false
	for time.Now().Before(quiet) && ctx.Err() == nil {
		if !seen && strings.Contains(out.String(), "\n") {
			seen = true
			quiet = time.Now().Add(200 * time.Millisecond)
		}
		time.Sleep(5 * time.Millisecond)
	}
	lines := strings.Split(strings.TrimRight(out.String(), "\n"), "\n")
	switch {
	case !seen:
		return fmt.Errorf("no handshake line on standard output within %v; on standard error: %q", startTimeout, firstLine(errs.String()))
	case !handshakeLine.MatchString(lines[0]):
		return fmt.Errorf("the first line on standard output is not the handshake but %q", lines[0])
	case len(lines) > 1:
		return fmt.Errorf("standard output goes on after the handshake: %q", lines[1])
	default:
		return nil
	}
}

// differingField names the first field in which two manifests differ.
func differingField(a, b provider.Manifest) string {
	va, vb := reflect.ValueOf(a), reflect.ValueOf(b)
	for i := range va.NumField() {
		ja, errA := json.Marshal(va.Field(i).Interface())
		jb, errB := json.Marshal(vb.Field(i).Interface())
		if errA != nil || errB != nil || !bytes.Equal(ja, jb) {
			return va.Type().Field(i).Name
		}
	}
	return ""
}
