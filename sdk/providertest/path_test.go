package providertest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/sdk/internal/wire"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// twice runs a case whose outcome depends on the path, and lists the paths that it
// was run over.
func twice(t *testing.T, travels bool, capabilities []string, outcome map[path]error) (Result, []path) {
	t.Helper()
	var paths []path
	l := &lab{subject: &subject{}, launcher: noLauncher{}, manifest: provider.Manifest{Capabilities: capabilities}}
	c := testCase{name: "some/case", advice: "the case's advice", run: func(_ context.Context, l *lab) error {
		paths = append(paths, l.path)
		l.travelled.Store(travels)
		return outcome[l.path]
	}}
	return l.try(t.Context(), c), paths
}

// noLauncher cannot put a fresh instance in place of one that failed a case.
type noLauncher struct{}

func (noLauncher) launch(context.Context) (*subject, error) { return nil, errors.New("no instance") }
func (noLauncher) binary() string                           { return "" }

func TestACaseIsRunOverBothPathsIfItTravelsAndBothAreOffered(t *testing.T) {
	t.Parallel()
	session := []string{"other", wire.CapabilitySession}
	for name, test := range map[string]struct {
		travels      bool
		capabilities []string
		outcome      error
		want         []path
	}{
		"travels":            {true, session, nil, []path{onRPCs, onSession}},
		"makes no call":      {false, session, nil, []path{onRPCs}},
		"no session offered": {true, []string{"other"}, nil, []path{onRPCs}},
		"does not apply":     {true, session, skipf("not here"), []path{onRPCs}},
	} {
		_, got := twice(t, test.travels, test.capabilities, map[path]error{onRPCs: test.outcome})
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: run over %q, want %q", name, got, test.want)
		}
	}
}

func TestTheReportSaysOverWhichPathACaseFailed(t *testing.T) {
	t.Parallel()
	oops, other := errors.New("oops"), errors.New("something else")
	for name, test := range map[string]struct {
		plain, session error
		want           string // the message, "" if the case passes
		advice         string
	}{
		"neither":            {},
		"one":                {plain: oops, want: "over Call and Stream alone: oops", advice: "the case's advice"},
		"the other":          {session: oops, want: "over Session alone: oops", advice: "the case's advice"},
		"both alike":         {oops, oops, "over both paths: oops", "the case's advice"},
		"both differently":   {oops, other, "over Session: something else; over Call and Stream: oops", "the case's advice"},
		"a breach":           {nil, breachf("sneezed"), "over Session alone: the plugin sneezed", adviceOfBreach},
		"a breach and more":  {oops, breachf("sneezed"), "over Session: the plugin sneezed; over Call and Stream: oops", "the case's advice"},
		"an advice of its":   {session: &failure{"seen", "do this"}, want: "over Session alone: seen", advice: "do this"},
		"skipped on session": {session: skipf("not here")},
	} {
		got, _ := twice(t, true, []string{wire.CapabilitySession}, map[path]error{onRPCs: test.plain, onSession: test.session})
		if failed := got.Outcome == Failed; failed != (test.want != "") || got.Message != test.want {
			t.Errorf("%s: %s with %q, want %q", name, got.Outcome, got.Message, test.want)
		}
		if got.Advice != test.advice {
			t.Errorf("%s: the advice is %q", name, got.Advice)
		}
	}
}

func TestTheKitSeesEveryBreachOfASession(t *testing.T) {
	t.Parallel()
	for name, test := range breaches {
		s := &session{calls: map[uint64]*sessionCall{}}
		s.calls[1] = &sessionCall{session: s, mode: test.mode, credit: 10, arrived: make(chan struct{}, 1)}
		var err error
		for _, frame := range test.frames {
			if err != nil {
				t.Errorf("%s: seen too early: %v", name, err)
			}
			err = s.take(frame)
		}
		if test.want == "" && err != nil || err != nil && !strings.Contains(err.Error(), test.want) || err == nil && test.want != "" {
			t.Errorf("%s: got %v, want %q in it", name, err, test.want)
		}
	}
}
