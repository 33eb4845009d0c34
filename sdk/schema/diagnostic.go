package schema

import "strings"

// Diagnostic is one mistake or warning about settings.
type Diagnostic struct {
	// Path leads to the setting: "base_url", "tls.ca_file", "headers[0]". Empty
	// means the block as a whole.
	Path string `json:"path"`
	// Warning is true if the settings can be used all the same.
	Warning bool `json:"warning,omitempty"`
	// Summary is a short title ("Unsupported setting"); Detail says what is
	// wrong and what to write instead. Neither contains a sensitive value.
	Summary string `json:"summary"`
	Detail  string `json:"detail,omitempty"`
}

// String returns "path: summary: detail".
func (d Diagnostic) String() string {
	s := d.Summary
	if d.Path != "" {
		s = d.Path + ": " + s
	}
	if d.Detail != "" {
		s += ": " + d.Detail
	}
	return s
}

// Join returns the diagnostics as one line of text.
func Join(diags []Diagnostic) string {
	parts := make([]string, len(diags))
	for i, d := range diags {
		parts[i] = d.String()
	}
	return strings.Join(parts, "; ")
}

// HasErrors reports whether any diagnostic is not a mere warning.
func HasErrors(diags []Diagnostic) bool {
	for _, d := range diags {
		if !d.Warning {
			return true
		}
	}
	return false
}
