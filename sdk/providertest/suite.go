package providertest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// caseTimeout bounds a case that does not say otherwise.
const caseTimeout = 15 * time.Second

// describeTimeout bounds `describe` and the Describe call, as the host does.
const describeTimeout = 5 * time.Second

// testCase is one thing that a provider must get right.
type testCase struct {
	name string
	// why says what breaks for users otherwise, advice what the author should do.
	why, advice string
	run         func(ctx context.Context, l *lab) error
	timeout     time.Duration // 0 is caseTimeout
}

// cases returns all cases. Those before the start look at the binary alone; the
// others need a running provider.
func cases(p Profile) (beforeStart, running []testCase) {
	return binaryCases, slices.Concat(
		describeCases, settingsCases, operationCases, callCases, streamCases,
		cancelCases, errorCases(), faultCases(p.Faults), secretCases, loadCases, sessionCases, lifecycleCases,
	)
}

// suite runs the cases one after the other.
type suite struct {
	lab    *lab
	report func(testCase, func(context.Context) Result)
}

var startCase = testCase{
	name: "start/describes-itself",
	why:  "the host starts the plugin and asks what it can do before anything else",
	advice: "Describe must return at once and without configuration or network; serve with sdk.Serve and nothing before it, " +
		"and look at the plugin's standard error",
	run: func(ctx context.Context, l *lab) error { return l.start(ctx) },
}

func (s *suite) run(ctx context.Context) {
	defer s.lab.stop()
	before, running := cases(s.lab.Profile)
	for _, c := range before {
		s.do(ctx, c)
	}
	started := s.do(ctx, startCase)
	for _, c := range running {
		if !started {
			c.run = func(context.Context, *lab) error { return skipf("the plugin did not start: see %s", startCase.name) }
		}
		s.do(ctx, c)
	}
}

// do reports one case unless it is filtered out. It reports whether the case
// could be said to hold.
func (s *suite) do(ctx context.Context, c testCase) bool {
	if c.name != startCase.name && !strings.Contains(c.name, s.lab.Only) {
		return true
	}
	ok := false
	s.report(c, func(ctx context.Context) Result {
		r := s.lab.try(ctx, c)
		ok = r.Outcome != Failed
		return r
	})
	return ok
}

// try runs one case to its end.
func (l *lab) try(ctx context.Context, c testCase) (r Result) {
	begin := time.Now()
	err := l.onBothPaths(ctx, c)
	r = Result{Case: c.name, Why: c.why, Duration: time.Since(begin)}
	r.conclude(err, c.advice)
	r.hide(l.credential())
	return r
}

// start launches the provider, asks for its manifest and puts up the service.
func (l *lab) start(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	s, err := l.launch(ctx)
	if err != nil {
		return err
	}
	m, err := describe(ctx, s)
	if err != nil {
		s.close()
		return err
	}
	l.subject, l.manifest = s, m
	if err := l.startService(); err != nil {
		return err
	}
	if err := l.configure(ctx, s); err != nil {
		return err
	}
	l.probe(ctx)
	l.travelled.Store(false) // there is nothing to start a second time
	return nil
}

func describe(ctx context.Context, s *subject) (provider.Manifest, error) {
	ctx, cancel := context.WithTimeout(ctx, describeTimeout)
	defer cancel()
	m, err := s.conn.Describe(ctx)
	if err != nil && provider.AsError(err).Code == provider.CodeTimeout {
		return m, fmt.Errorf("Describe did not answer within %v", describeTimeout)
	}
	if err != nil {
		return m, fmt.Errorf("Describe failed: %w", err)
	}
	return m, nil
}

// startService puts up the fake service if the provider can be pointed to one.
func (l *lab) startService() error {
	if l.service != nil || (l.Service != nil && l.Service.none) {
		return nil
	}
	service := l.Service
	if service == nil {
		if !slices.Contains(attributeNames(l.manifest), "base_url") {
			return nil
		}
		service = OpenAI()
	}
	f, err := startFake(*service)
	l.service = f
	return err
}

func attributeNames(m provider.Manifest) []string {
	var names []string
	for _, a := range m.Settings.Attributes {
		names = append(names, a.Name)
	}
	return names
}

// configure hands over the provider block's settings, if the manifest has any.
func (l *lab) configure(ctx context.Context, s *subject) error {
	if o := l.manifest.ProviderSettings; len(o.Attributes)+len(o.Blocks) == 0 {
		return nil
	}
	settings, err := checked(l.manifest.ProviderSettings, l.ProviderSettings)
	if err != nil {
		return err
	}
	diags, err := s.conn.Configure(ctx, provider.ProviderConfig{Settings: settings})
	return diagnosed("Configure", diags, err)
}

// another starts a further instance for a case that will use it up. The caller
// closes it.
func (l *lab) another(ctx context.Context) (*subject, error) {
	s, err := l.launch(ctx)
	if err != nil {
		return nil, err
	}
	if err := l.configure(ctx, s); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// recoverFrom tidies up after a case. After a failure the instance may be dead
// or blocked: a fresh one keeps the case from spoiling those that follow.
func (l *lab) recoverFrom(ctx context.Context, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), startTimeout)
	defer cancel()
	var (
		skip     *skipError
		settings *settingsError
	)
	if err == nil || errors.As(err, &skip) || errors.As(err, &settings) {
		l.tidy(ctx)
		return
	}
	l.opened = nil
	if l.service != nil {
		l.service.script(nil)
	}
	fresh, startErr := l.another(ctx)
	if startErr != nil {
		return // it did start before: the case that follows will tell
	}
	l.subject.close()
	l.subject = fresh
}

// stop ends what start began.
func (l *lab) stop() {
	if l.subject != nil {
		l.subject.close()
	}
	if l.service != nil {
		l.service.close()
	}
}
