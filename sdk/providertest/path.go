package providertest

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/backplane-dev/backplane/sdk/internal/wire"
)

// path is the way that calls and streams take to the plugin. A case that makes
// any is run over both, if the plugin offers both: what holds over one must hold
// over the other, since the host chooses and its caller cannot tell.
type path string

const (
	onRPCs    path = "Call and Stream"
	onSession path = "Session"
)

// offersSession reports whether the plugin says that it serves sessions.
func (l *lab) offersSession() bool {
	return slices.Contains(l.manifest.Capabilities, wire.CapabilitySession)
}

// onBothPaths runs a case over the plain RPCs and, if it made calls, over a
// session.
func (l *lab) onBothPaths(ctx context.Context, c testCase) error {
	plain := l.over(ctx, onRPCs, c)
	if !l.travelled.Load() || !l.offersSession() || l.subject == nil || skipped(plain) {
		return plain
	}
	return compare(plain, l.over(ctx, onSession, c))
}

// over runs a case over one path and tidies up after it.
func (l *lab) over(ctx context.Context, way path, c testCase) error {
	timeout := c.timeout
	if timeout == 0 {
		timeout = caseTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	l.path = way
	l.travelled.Store(false)
	err := c.run(ctx, l)
	if l.subject != nil {
		l.recoverFrom(ctx, err)
	}
	return err
}

// compare makes one result of those of the two paths.
func compare(plain, session error) error {
	switch {
	case session == nil && plain == nil:
		return nil
	case session == nil:
		return prefixed{"over " + string(onRPCs) + " alone: ", plain}
	case skipped(session):
		return plain
	case plain == nil:
		return prefixed{"over " + string(onSession) + " alone: ", session}
	case plain.Error() == session.Error():
		return prefixed{"over both paths: ", plain}
	default: // the case's advice is about the matter, not about sessions
		return prefixed{fmt.Sprintf("over %s: %v; over %s: ", onSession, session, onRPCs), plain}
	}
}

// prefixed is an error whose text says over which path it was seen. Its advice
// and kind stay those of the error.
type prefixed struct {
	prefix string
	error
}

func (e prefixed) Error() string { return e.prefix + e.error.Error() }
func (e prefixed) Unwrap() error { return e.error }

// adviceOfBreach is what to do about a plugin that breaks the session's rules,
// whatever the case was about.
const adviceOfBreach = "follow the comment on SessionRequest in provider.proto, which has all rules of sessions; a plugin that " +
	"cannot is well served by leaving out the capability \"session\""

// asBreach returns the advice for err if it is a breach of the session's rules.
func asBreach(err error) (advice string, ok bool) {
	var b *breach
	return adviceOfBreach, errors.As(err, &b)
}
