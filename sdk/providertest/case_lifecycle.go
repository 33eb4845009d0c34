package providertest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/backplane-dev/backplane/sdk/client"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// lifecycleCases look at the end of a plugin, and at what it left behind.
var lifecycleCases = []testCase{
	{
		name:   "lifecycle/drain",
		why:    "a plugin is replaced without a failed request: what runs must finish, what is new must go to the successor",
		advice: "after Drain refuse new calls with the code \"plugin_unavailable\" and let the running ones end; the Go SDK does so",
		run:    drain,
	},
	{
		name:   "lifecycle/shutdown",
		why:    "a plugin that does not end is killed, and leaves behind what it would have tidied up",
		advice: "end within 2 s when the controller's Shutdown is called, and remove the socket; sdk.Serve does so",
		run:    shutdown,
	},
	{
		name:   "lifecycle/lifeline",
		why:    "a host that was killed cannot stop its plugins: they must notice by themselves",
		advice: "read the file descriptor named by " + client.LifelineEnv + " and exit when it reaches its end; sdk.Serve does so",
		run:    lifeline,
	},
	{
		name:   "lifecycle/standard-output",
		why:    "standard output belongs to the handshake: what is written there later can block the process",
		advice: "log to standard error, or through the logger that the SDK gives; look for fmt.Print",
		run:    standardOutput,
	},
	{
		name:   "secrets/logs",
		why:    "the plugin's log goes into the host's log and into bug reports",
		advice: "do not log keys, headers or settings; log the type provider.Secret, which hides its value, if anything",
		run:    keyInLogs,
	},
	{
		name:   "lifecycle/goroutines",
		why:    "what a call leaves behind adds up over weeks",
		advice: "end goroutines with the call that started them, or in the endpoint's Close; close response bodies",
		run:    goroutines,
	},
}

func drain(ctx context.Context, l *lab) error {
	fresh, err := l.another(ctx)
	if err != nil {
		return err
	}
	defer fresh.close()
	b, err := l.openIn(ctx, fresh)
	if err != nil {
		return err
	}
	release := make(chan struct{})
	running, err := b.inFlightIfPossible(ctx, release)
	if err != nil {
		return err
	}
	if err := fresh.conn.Drain(ctx, 5*time.Second); err != nil {
		return fmt.Errorf("Drain failed: %w", err)
	}
	op := l.manifest.Operations[0]
	s, _ := l.sampleOf(op.Name, op.Modes[0])
	err = b.attempt(ctx, s)
	close(release)
	if err == nil {
		return fmt.Errorf("%s was answered after Drain", op.Name)
	}
	if code := provider.AsError(err).Code; code != provider.CodePluginUnavailable && code != provider.CodeShutdown {
		return fmt.Errorf("%s after Drain was refused with the code %q: %w", op.Name, code, err)
	}
	if err := <-running; err != nil {
		return fmt.Errorf("a request that ran when Drain came failed: %w", err)
	}
	return nil
}

// inFlightIfPossible is inFlight, or a request that has succeeded already where
// no service can be held.
func (b *bench) inFlightIfPossible(ctx context.Context, release <-chan struct{}) (<-chan error, error) {
	if _, err := b.anyRequest(); b.service == nil || err != nil {
		done := make(chan error)
		close(done)
		return done, nil
	}
	return b.inFlight(ctx, release)
}

func shutdown(ctx context.Context, l *lab) error {
	if err := needBinary(l); err != nil {
		return err
	}
	fresh, err := l.another(ctx)
	if err != nil {
		return err
	}
	defer fresh.close()
	if _, err := l.openIn(ctx, fresh); err != nil {
		return err
	}
	limit, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	if !fresh.process.shutdown(limit) {
		return errors.New("2 s after Shutdown the process still runs")
	}
	left, err := os.ReadDir(fresh.process.dir)
	if err != nil {
		return err
	}
	if len(left) > 0 {
		return fmt.Errorf("the process ended and left its socket %s behind", left[0].Name())
	}
	return nil
}

// lifeline starts the plugin with a pipe, as the host does, and lets go of it.
func lifeline(ctx context.Context, l *lab) error {
	if err := needBinary(l); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "conformance")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // it is in the system's temporary directory
	theirs, ours, err := os.Pipe()
	if err != nil {
		return err
	}
	defer func() { _, _ = theirs.Close(), ours.Close() }() // one of them is closed already
	var out, errs text
	cmd := exec.CommandContext(ctx, l.binary())
	cmd.Env = append(handshakeEnv(dir), client.LifelineEnv+"=3")
	cmd.ExtraFiles = []*os.File{theirs} // the first one is file descriptor 3
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &out, &errs, time.Second
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }() // how it ended does not matter
	defer func() {
		_ = cmd.Process.Kill() // it may have ended by itself
		<-ended
	}()
	if err := awaitHandshake(ctx, &out, &errs); err != nil {
		return err
	}
	select {
	case <-ended:
		return errors.New("the process ended while the host was alive")
	default:
	}
	_ = ours.Close() // the host is gone
	select {
	case <-ended:
		return nil
	case <-time.After(2 * time.Second):
		return errors.New("2 s after the host was gone the process still runs")
	}
}

func standardOutput(_ context.Context, l *lab) error {
	if err := needBinary(l); err != nil {
		return err
	}
	if said := l.process.stdout.String(); said != "" {
		return fmt.Errorf("during the cases before this one the plugin wrote to standard output: %q", firstLine(said))
	}
	return nil
}

func keyInLogs(_ context.Context, l *lab) error {
	if err := needBinary(l); err != nil {
		return err
	}
	key := l.secret()
	if key == "" {
		return skipf("the run has no key; give one with -key-env")
	}
	for line := range strings.Lines(l.process.stderr.String()) {
		if strings.Contains(line, key) {
			return fmt.Errorf("during the cases before this one the plugin logged the key: %s", clip([]byte(strings.TrimSpace(line))))
		}
	}
	return nil
}
