package providertest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"google.golang.org/grpc"

	"github.com/backplane-dev/backplane/sdk/internal/wire"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// Run runs the conformance cases on a provider in process, over the real wire,
// as subtests of t. Call it from a test that is not parallel: one case looks
// for goroutines that the provider left behind.
func Run(t *testing.T, h Harness) {
	t.Helper()
	if h.New == nil {
		t.Fatal("providertest: Harness.New is nil; give the function that makes the provider")
	}
	subtests(t, &lab{Profile: h.Profile, launcher: &inProcess{harness: h}})
}

// RunBinary builds the Go package in the folder dir ("." is the test's own) and
// runs the conformance cases on the binary as subtests of t. It sees what [Run]
// cannot: the process. The binary is called backplane-provider-<name of the
// folder>, or by what it says of itself if the folder is that of a module.
//
// With PROVIDERTEST_LEND=FILE in the environment it runs nothing: it puts up the
// profile's service, writes the profile to FILE for `backplane conformance
// -profile FILE`, and waits until standard input ends.
func RunBinary(t *testing.T, dir string, p Profile) {
	t.Helper()
	if file := os.Getenv(lendVariable); file != "" {
		lend(t, p, file, os.Stdin)
		return
	}
	folder, err := filepath.Abs(dir)
	if err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(t.TempDir(), binaryPrefix+filepath.Base(folder))
	build := exec.CommandContext(t.Context(), "go", "build", "-o", binary, ".")
	build.Dir = folder
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", dir, err, out)
	}
	if _, err := os.Stat(filepath.Join(folder, "go.mod")); err == nil {
		binary = calledByItsName(t, binary)
	}
	subtests(t, &lab{Profile: p, launcher: binaryLauncher{binary}})
}

// calledByItsName renames a binary to what its manifest says: the folder of a
// module may have any name. One without a manifest fails later, in its case.
func calledByItsName(t *testing.T, binary string) string {
	t.Helper()
	stdout, _, err := outcomeOf(t.Context(), &lab{launcher: binaryLauncher{binary}}, []string{}, "describe")
	if err != nil {
		return binary
	}
	m, err := decodeManifest(stdout)
	named := filepath.Join(filepath.Dir(binary), binaryPrefix+filepath.Base(m.Name))
	if err != nil || named == binary {
		return binary
	}
	if err := os.Rename(binary, named); err != nil {
		t.Fatal(err)
	}
	return named
}

// subtests reports each case as a subtest.
func subtests(t *testing.T, l *lab) {
	t.Helper()
	s := suite{lab: l}
	s.report = func(c testCase, run func(context.Context) Result) {
		t.Run(c.name, func(t *testing.T) {
			t.Helper()
			switch r := run(t.Context()); r.Outcome {
			case Failed:
				t.Errorf("%s\nwhy: %s\ndo:  %s", r.Message, r.Why, r.Advice)
			case Skipped:
				t.Skip(r.Message)
			}
		})
	}
	s.run(t.Context())
}

// Check runs the conformance cases on a plugin's binary and reports the result
// of each as it ends, from the calling goroutine. The error says that the binary
// cannot be run, that ctx ended, or how many cases failed; nil means that the
// plugin conforms in all that applies to it.
func Check(ctx context.Context, target Target, report func(Result)) error {
	if err := runnable(target.Binary); err != nil {
		return err
	}
	return check(ctx, &lab{Profile: target.Profile, launcher: binaryLauncher{target.Binary}}, report)
}

func check(ctx context.Context, l *lab, report func(Result)) error {
	counts := map[Outcome]int{}
	s := suite{lab: l}
	s.report = func(_ testCase, run func(context.Context) Result) {
		if ctx.Err() != nil {
			return
		}
		r := run(ctx)
		counts[r.Outcome]++
		report(r)
	}
	s.run(ctx)
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case counts[Failed] > 0:
		return fmt.Errorf("%d cases failed, %d passed, %d do not apply", counts[Failed], counts[Passed], counts[Skipped])
	default:
		return nil
	}
}

// runnable reports why a file cannot be started.
func runnable(path string) error {
	if path == "" {
		return errors.New("no plugin given; name the path of its binary")
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is not a file; name the path of the plugin's binary", path)
	case info.Mode().Perm()&0o111 == 0:
		return fmt.Errorf("%s is not executable; build the plugin or set the mode with chmod +x", path)
	default:
		return nil
	}
}

// inProcess serves a harness's provider in process.
type inProcess struct {
	harness Harness
	// register replaces the SDK's server, for the kit's own tests.
	register func(*grpc.Server)
}

func (*inProcess) binary() string { return "" }

func (p *inProcess) launch(context.Context) (*subject, error) {
	if p.register != nil {
		return serve(wire.ServerOptions(provider.Manifest{}), p.register)
	}
	return serveProvider(p.harness.New())
}
