package provider

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
)

// Forms of the names in a manifest. A provider's name becomes part of a file's
// name and of configurations, an operation's part of a URL's path.
var (
	providerName  = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)
	semverForm    = regexp.MustCompile(`^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$`)
	operationName = regexp.MustCompile(`^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$`)
	headerName    = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]*$`)
	variableName  = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
)

// Validate checks the manifest itself, for plugin authors: names and versions,
// that there is at least one operation with known modes and none twice, that no
// credential of the caller is asked for, and both schemas. It reports all
// mistakes at once, each with what to write instead, and nil if there are none.
func (m Manifest) Validate() error {
	problems := slices.Concat(m.identityProblems(), m.operationProblems(), m.requestProblems())
	if err := m.Settings.Validate(); err != nil {
		problems = append(problems, fmt.Errorf("settings: %w", err))
	}
	if err := m.ProviderSettings.Validate(); err != nil {
		problems = append(problems, fmt.Errorf("provider_settings: %w", err))
	}
	return errors.Join(problems...)
}

func (m Manifest) identityProblems() (problems []error) {
	if !providerName.MatchString(m.Name) {
		problems = append(problems, fmt.Errorf("name: %q is no provider name; "+
			`use lower-case letters, digits and dashes, beginning with a letter, such as "my-service"`, m.Name))
	}
	if !semverForm.MatchString(m.Version) {
		problems = append(problems, fmt.Errorf(`version: %q is no semantic version; use three numbers, such as "1.2.3"`, m.Version))
	}
	return problems
}

func (m Manifest) operationProblems() (problems []error) {
	if len(m.Operations) == 0 {
		problems = append(problems, errors.New("operations: there is none; declare what endpoints can do, such as "+
			"{Name: provider.OpChat, Modes: []provider.Mode{provider.ModeCall}}"))
	}
	seen := map[string]bool{}
	for _, op := range m.Operations {
		if !operationName.MatchString(op.Name) {
			problems = append(problems, fmt.Errorf("operations: %q is no operation name; "+
				`use lower-case words joined by dots and underscores, such as "images.generate"`, op.Name))
		}
		if seen[op.Name] {
			problems = append(problems, fmt.Errorf("operations: %q is declared twice; declare it once with all its modes", op.Name))
		}
		seen[op.Name] = true
		if err := op.modeProblem(); err != nil {
			problems = append(problems, err)
		}
	}
	return problems
}

func (o Operation) modeProblem() error {
	known := []Mode{ModeCall, ModeStream, ModeTransfer}
	if len(o.Modes) == 0 {
		return fmt.Errorf("operations: %q has no mode; give it one or more of %v", o.Name, known)
	}
	for i, mode := range o.Modes {
		if !slices.Contains(known, mode) {
			return fmt.Errorf("operations: %q has the unknown mode %q; the modes are %v", o.Name, mode, known)
		}
		if slices.Contains(o.Modes[:i], mode) {
			return fmt.Errorf("operations: %q has the mode %q twice", o.Name, mode)
		}
	}
	return nil
}

func (m Manifest) requestProblems() (problems []error) {
	for _, name := range m.ForwardHeaders {
		switch {
		case !headerName.MatchString(name):
			problems = append(problems, fmt.Errorf("forward_headers: %q is no header name in lower case", name))
		case !MayForward(name):
			problems = append(problems, fmt.Errorf("forward_headers: %q is never passed on; remove it", name))
		}
	}
	for _, name := range m.Credential.Env {
		if !variableName.MatchString(name) {
			problems = append(problems, fmt.Errorf("credential: %q is no name of an environment variable", name))
		}
	}
	if slices.Contains(m.Models.Patterns, "") {
		problems = append(problems, errors.New(`models: a pattern is empty; remove it, or write "*" to serve every model`))
	}
	for name, v := range map[string]int64{
		"max_request_bytes":  m.Limits.MaxRequestBytes,
		"max_response_bytes": m.Limits.MaxResponseBytes,
		"max_concurrent":     int64(m.Limits.MaxConcurrent),
	} {
		if v < 0 {
			problems = append(problems, fmt.Errorf("limits: %s is %d; use 0 for the default", name, v))
		}
	}
	return problems
}
