package wire

import (
	"fmt"
	"log/slog"
	"runtime/debug"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// guard runs the author's code: a panic becomes an error, and secrets do not
// leave the process.
type guard struct {
	log     *slog.Logger
	secrets redactor
	// own is the credential that a call brings along. Most calls need no words,
	// so it is made part of the redactor only when there are some.
	own provider.Secret
}

// redactor removes all secrets that the guard knows of.
func (g guard) redactor() redactor { return g.secrets.with(g.own.Reveal()) }

// panicked is a panic of the author's code as an error.
type panicked struct{ value any }

func (p *panicked) Error() string { return fmt.Sprintf("the plugin panicked: %v", p.value) }

// run calls f. A panic is logged with its stack and returned as CodeInternal:
// one bad request must not end the process and with it the requests of others.
func (g guard) run(f func() error) (err error) {
	defer func() {
		if value := recover(); value != nil {
			cause, secrets := &panicked{value}, g.redactor()
			g.log.Error(secrets.redact(cause.Error()), "stack", secrets.redact(string(debug.Stack())))
			err = &provider.Error{Code: provider.CodeInternal, Source: provider.SourcePlugin,
				Message: cause.Error() + " (the stack is in the plugin's log)", Cause: cause}
		}
	}()
	return f()
}

// status returns err as a gRPC status with the detail that the host reads, or
// nil. An author's plain error is CodeInternal.
func (g guard) status(err error) error {
	if err == nil {
		return nil
	}
	e := g.redactor().error(provider.AsError(err))
	if e.Source == "" {
		e.Source = provider.SourcePlugin
		if e.StatusCode != 0 {
			e.Source = provider.SourceUpstream
		}
	}
	return ToStatus(e)
}
