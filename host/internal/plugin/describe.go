package plugin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	prog "github.com/backplane-dev/backplane/host/internal/binary"
	"github.com/backplane-dev/backplane/host/internal/confine"
	"github.com/backplane-dev/backplane/sdk/provider"
)

const (
	// describeTimeout bounds `binary describe`. It prints a constant, so a
	// second would do; the rest is for a busy machine.
	describeTimeout = 5 * time.Second
	// describeLimit bounds the manifest; real ones have a few KiB.
	describeLimit = 1 << 20
	// protocolVersion is the major version of the wire that this host speaks.
	protocolVersion = 1
)

// Describe runs `path describe` and returns the manifest that it prints. The
// program gets an empty environment, no input, five seconds and room for 1 MiB;
// it runs in a process group that is killed as a whole. Errors say what the
// program did instead and what to do about it.
func Describe(ctx context.Context, path string) (provider.Manifest, error) {
	if err := checkExecutable(path); err != nil {
		return provider.Manifest{}, fmt.Errorf("describe: %w", err)
	}
	return described(path, func() ([]byte, error) { return runDescribe(ctx, exec.Command(path, "describe"), path, nil) })
}

// DescribeBinary is [Describe] for a binary whose bytes are kept, confined as its
// processes are to be if policy is not nil.
func DescribeBinary(ctx context.Context, b *prog.Binary, policy *confine.Policy) (provider.Manifest, error) {
	return described(b.Path(), func() ([]byte, error) {
		name, kept, err := b.Command(0)
		if err != nil {
			return nil, err
		}
		cmd := exec.Command(name, "describe")
		cmd.Args[0], cmd.ExtraFiles = b.Path(), kept
		return runDescribe(ctx, cmd, b.Path(), policy)
	})
}

func described(path string, run func() ([]byte, error)) (provider.Manifest, error) {
	stdout, err := run()
	if err != nil {
		return provider.Manifest{}, fmt.Errorf("%s describe: %w", path, err)
	}
	m, err := decodeManifest(stdout)
	if err != nil {
		return provider.Manifest{}, fmt.Errorf("%s describe: %w", path, err)
	}
	return m, nil
}

// CheckName reports a manifest that belongs to another provider than the one
// that the configuration calls name.
func CheckName(m provider.Manifest, name, path string) error {
	if m.Name == name {
		return nil
	}
	return fmt.Errorf("%s says it is provider %q, not %q: put the right binary there, or write provider %q", path, m.Name, name, m.Name)
}

func runDescribe(ctx context.Context, cmd *exec.Cmd, path string, policy *confine.Policy) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, describeTimeout)
	defer cancel()
	stdout := &capped{limit: describeLimit, full: cancel}
	stderr := &capped{limit: 8 << 10}
	cmd.Env = []string{} // not nil, which would mean the host's own
	cmd.Stdout, cmd.Stderr = stdout, stderr
	cmd.SysProcAttr = ownGroup()
	cmd.WaitDelay = 500 * time.Millisecond // a grandchild may hold the pipes
	remove, err := startDescribe(cmd, policy)
	if err != nil {
		return nil, startError(path, err)
	}
	defer remove()
	defer context.AfterFunc(ctx, func() { _ = killGroup(cmd.Process) })() // fails only if it is gone
	err = cmd.Wait()
	_ = killGroup(cmd.Process) // what the program left behind
	switch {
	case stdout.over:
		return nil, fmt.Errorf("it printed more than %d bytes; it must print the manifest alone; the output begins with %s", describeLimit, quoteStart(stdout.buf))
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return nil, fmt.Errorf("no answer within %v%s; `describe` must print the manifest and exit, without network or configuration", describeTimeout, printedFirst(stdout.buf, stderr.buf))
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil && !errors.Is(err, exec.ErrWaitDelay):
		return nil, fmt.Errorf("%w%s; is it a provider plugin?", err, printedFirst(stderr.buf, stdout.buf))
	}
	return stdout.buf, nil
}

// startDescribe starts the command, confined if policy is not nil. remove removes
// what was made for it.
func startDescribe(cmd *exec.Cmd, policy *confine.Policy) (remove func(), err error) {
	if policy == nil {
		return func() {}, cmd.Start()
	}
	dir, err := os.MkdirTemp("", dirPrefix)
	if err != nil {
		return nil, err
	}
	cmd.Dir = dir
	confined, err := confine.Start(cmd, *policy, dir, filepath.Base(dir))
	remove = func() { _ = errors.Join(confined.Remove(), os.RemoveAll(dir)) } // no harm in what is left
	if err != nil {
		remove()
		return nil, err
	}
	return remove, nil
}

func decodeManifest(stdout []byte) (provider.Manifest, error) {
	var m provider.Manifest
	dec := json.NewDecoder(bytes.NewReader(stdout))
	if err := dec.Decode(&m); err != nil {
		if len(bytes.TrimSpace(stdout)) == 0 {
			return m, errors.New("it printed nothing; it must print its manifest as JSON on standard output")
		}
		return m, fmt.Errorf("the output is not a manifest in JSON: %w; it begins with %s; nothing else may be printed on standard output", err, quoteStart(stdout))
	}
	if rest := bytes.TrimSpace(stdout[dec.InputOffset():]); len(rest) > 0 {
		return m, fmt.Errorf("there is text after the manifest: %s; nothing else may be printed on standard output", quoteStart(rest))
	}
	return m, checkManifest(m)
}

// checkManifest refuses what the host cannot work with at all.
func checkManifest(m provider.Manifest) error {
	switch {
	case !validName.MatchString(m.Name):
		return fmt.Errorf("the manifest's name %q is not valid: use lower-case letters, digits and dashes", printable(m.Name, 100))
	case m.Version == "":
		return errors.New("the manifest has no version: set one, such as \"1.0.0\"")
	case len(m.Operations) == 0:
		return errors.New("the manifest declares no operations: a provider needs at least one")
	case len(m.Protocols) > 0 && !slices.Contains(m.Protocols, protocolVersion):
		return fmt.Errorf("the plugin speaks protocol versions %v, this host speaks %d: build the plugin with an SDK of this host's version", m.Protocols, protocolVersion)
	}
	return nil
}

// printedFirst tells the first line that a program printed, preferring the
// first stream.
func printedFirst(streams ...[]byte) string {
	for _, s := range streams {
		if line := firstLine(string(s)); line != "" {
			return fmt.Sprintf("; it printed %q first", printable(line, 200))
		}
	}
	return "; it printed nothing"
}

func quoteStart(b []byte) string { return fmt.Sprintf("%q", printable(firstLine(string(b)), 200)) }

// capped keeps the first limit bytes written to it and calls full, if set, when
// there are more.
type capped struct {
	buf   []byte
	limit int
	full  func()
	over  bool
}

// Write never fails, so that the program is not stopped by a full pipe.
func (c *capped) Write(p []byte) (int, error) {
	room := min(len(p), c.limit-len(c.buf))
	c.buf = append(c.buf, p[:room]...)
	if room < len(p) && !c.over {
		c.over = true
		if c.full != nil {
			c.full()
		}
	}
	return len(p), nil
}

// startError explains why the operating system refused to run path.
func startError(path string, err error) error {
	switch text := err.Error(); {
	case strings.Contains(text, "exec format error"):
		return fmt.Errorf("%s is not a program for this machine (%s): build it with GOOS=%s GOARCH=%s", path, runtime.GOOS+"/"+runtime.GOARCH, runtime.GOOS, runtime.GOARCH)
	case strings.Contains(text, "permission denied"):
		return fmt.Errorf("%s may not be executed: check its mode, and that its file system is not mounted noexec: %w", path, err)
	case strings.Contains(text, "no such file"):
		return fmt.Errorf("%s needs an interpreter or a loader that is missing on this machine: %w", path, err)
	default:
		return fmt.Errorf("start %s: %w", path, err)
	}
}
