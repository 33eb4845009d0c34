package provider

import (
	"fmt"
	"log/slog"
)

const redacted = "[REDACTED]"

// Secret is a string that does not show itself: every formatting verb, JSON,
// text and structured logging print [REDACTED]. The zero value is empty.
type Secret struct{ value string }

// NewSecret wraps s.
func NewSecret(s string) Secret { return Secret{value: s} }

// Reveal returns the secret. Call it where the secret is sent, nowhere else.
func (s Secret) Reveal() string { return s.value }

// IsZero reports whether the secret is empty.
func (s Secret) IsZero() bool { return s.value == "" }

// Format implements [fmt.Formatter] for every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// String returns [REDACTED].
func (s Secret) String() string { return redacted }

// GoString returns [REDACTED].
func (s Secret) GoString() string { return redacted }

// LogValue returns [REDACTED].
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText returns [REDACTED]; a secret is never written back.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// UnmarshalText reads the secret, so that settings can decode into it.
func (s *Secret) UnmarshalText(text []byte) error {
	s.value = string(text)
	return nil
}
