package host

import (
	"errors"

	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/schema"
)

// invalid is the error for a wrong argument of the caller's.
func invalid(format string, args ...any) *provider.Error {
	e := provider.Errorf(provider.CodeInvalidRequest, format, args...)
	e.Source = provider.SourceCaller
	return e
}

// mistakes is the error for a wrong endpoint; the diagnostics are its cause.
func mistakes(diags []schema.Diagnostic) *provider.Error {
	return invalid("the endpoint has mistakes: %w", &provider.ConfigError{Diagnostics: diags})
}

// asError gives the errors of the public surface their type.
func asError(err error) error {
	if err == nil {
		return nil
	}
	var wrong *provider.ConfigError
	if errors.As(err, &wrong) {
		return mistakes(wrong.Diagnostics)
	}
	return provider.AsError(err)
}
