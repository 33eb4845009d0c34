package providertest

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// Outcome says how a case ended.
type Outcome string

// The outcomes. Skipped means that the case does not apply; the message says why.
const (
	Passed  Outcome = "passed"
	Failed  Outcome = "failed"
	Skipped Outcome = "skipped"
)

// Result is the outcome of one case.
type Result struct {
	// Case is the name, topic before the slash: "stream/finished-last".
	Case string `json:"case"`
	// Why says what breaks for users if a provider gets this wrong.
	Why     string  `json:"why"`
	Outcome Outcome `json:"outcome"`
	// Message says what was seen (failed) or why the case was left out (skipped).
	Message string `json:"message,omitempty"`
	// Advice says what to do about a failure.
	Advice   string        `json:"advice,omitempty"`
	Duration time.Duration `json:"duration_ns"`
}

// String returns the result as a line or, for a failure, a short paragraph.
func (r Result) String() string {
	s := string(r.Outcome) + "  " + r.Case
	if r.Message != "" {
		s += ": " + r.Message
	}
	if r.Outcome == Failed {
		s = strings.ReplaceAll(s, "\n", "\n        ") + "\n        why: " + r.Why + "\n        do:  " + r.Advice
	}
	return s
}

// skipError leaves a case out.
type skipError struct{ reason string }

func (e *skipError) Error() string { return e.reason }

func skipf(format string, args ...any) error {
	return &skipError{reason: fmt.Sprintf(format, args...)}
}

// failure is an observation with an advice of its own, instead of the case's.
type failure struct {
	seen   string
	advice string
}

func (e *failure) Error() string { return e.seen }

// settingsCase is the one case that fails if an endpoint cannot be opened for
// want of settings; all others are left out then.
const settingsCase = "open/settings-of-the-run"

// settingsError says that the settings of the run do not fit the schema.
type settingsError struct{ seen string }

func (e *settingsError) Error() string { return e.seen }

// conclude fills in the result of a case that returned err.
func (r *Result) conclude(err error, advice string) {
	var (
		skip     *skipError
		fail     *failure
		settings *settingsError
	)
	switch {
	case err == nil:
		r.Outcome = Passed
	case errors.As(err, &skip):
		r.Outcome, r.Message = Skipped, skip.reason
	case errors.As(err, &settings) && r.Case != settingsCase:
		r.Outcome, r.Message = Skipped, "no endpoint can be opened: see "+settingsCase
	default:
		r.Outcome, r.Message, r.Advice = Failed, err.Error(), advice
		if errors.As(err, &fail) {
			r.Advice = fail.advice
		}
		if rules, ok := asBreach(err); ok {
			r.Advice = rules
		}
	}
}

// hide removes a key from what is shown: the kit must not leak what it looks for.
func (r *Result) hide(key provider.Secret) {
	if !key.IsZero() {
		r.Message = strings.ReplaceAll(r.Message, key.Reveal(), "[the key]")
	}
}
