package providertest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/schema"
)

// describeCases look at what the provider says of itself.
var describeCases = []testCase{
	{
		name:   "describe/agrees",
		why:    "the host decides on what `describe` printed and refuses a process that then says something else",
		advice: "let Describe return the same value always; it must not depend on configuration, environment or time",
		run:    describeAgrees,
	},
	{
		name:   "describe/manifest",
		why:    "the host routes, checks configurations and finds keys by the manifest",
		advice: "mend the field in Describe; package provider documents each",
		run:    manifestValid,
	},
	{
		name:   "describe/repeatable",
		why:    "Describe is asked before and after endpoints are open, and after every restart",
		advice: "build the manifest from constants",
		run:    describeRepeats,
	},
}

func describeAgrees(ctx context.Context, l *lab) error {
	if err := needBinary(l); err != nil {
		return err
	}
	stdout, _, err := outcomeOf(ctx, l, []string{}, "describe")
	if err != nil {
		return fmt.Errorf("`describe` failed: %w", err)
	}
	printed, err := decodeManifest(stdout)
	if err != nil {
		return err
	}
	if field := differingField(printed, l.manifest); field != "" {
		return fmt.Errorf("`describe` and the Describe call differ in %s: %v and %v", field,
			reflect.ValueOf(printed).FieldByName(field), reflect.ValueOf(l.manifest).FieldByName(field))
	}
	return nil
}

func describeRepeats(ctx context.Context, l *lab) error {
	again, err := describe(ctx, l.subject)
	if err != nil {
		return err
	}
	if field := differingField(l.manifest, again); field != "" {
		return fmt.Errorf("a second Describe differs from the first in %s", field)
	}
	return nil
}

var (
	providerName  = regexp.MustCompile(`^[a-z][a-z0-9-]*$`)
	operationName = regexp.MustCompile(`^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$`)
	settingName   = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	envName       = regexp.MustCompile(`^[A-Z][A-Z0-9_]*$`)
	version       = regexp.MustCompile(`^\d+\.\d+\.\d+([-+][0-9A-Za-z.+-]+)?$`)
)

func manifestValid(_ context.Context, l *lab) error {
	m := l.manifest
	var bad []string
	complain := func(ok bool, format string, args ...any) {
		if !ok {
			bad = append(bad, fmt.Sprintf(format, args...))
		}
	}
	complain(providerName.MatchString(m.Name), "name %q must be lower-case letters, digits and dashes", m.Name)
	complain(version.MatchString(m.Version), "version %q must be semantic, such as \"1.2.3\"", m.Version)
	complain(m.Description != "", "description is empty: say in one sentence what the provider does")
	complain(slices.Contains(m.Protocols, 1), "protocols %v must contain 1", m.Protocols)
	complain(len(m.Operations) > 0, "operations is empty: an endpoint that can do nothing is of no use")
	seen := map[string]bool{}
	for _, op := range m.Operations {
		complain(operationName.MatchString(op.Name), "operation %q must be lower-case words joined by dots", op.Name)
		complain(!seen[op.Name], "operation %q is declared twice", op.Name)
		complain(len(op.Modes) > 0, "operation %q has no mode: call, stream or transfer", op.Name)
		seen[op.Name] = true
	}
	for _, h := range m.ForwardHeaders {
		complain(h == strings.ToLower(h), "forwarded header %q must be in lower case", h)
		complain(!slices.Contains([]string{"authorization", "cookie", "proxy-authorization"}, h), "header %q holds the caller's credentials and must not be forwarded", h)
	}
	for _, name := range m.Credential.Env {
		complain(envName.MatchString(name), "credential variable %q must be in upper case", name)
	}
	complain(m.Limits.MaxRequestBytes >= 0 && m.Limits.MaxResponseBytes >= 0 && m.Limits.MaxConcurrent >= 0, "limits must not be negative")
	bad = append(bad, schemaMistakes("settings", m.Settings)...)
	bad = append(bad, schemaMistakes("provider_settings", m.ProviderSettings)...)
	if len(bad) > 0 {
		return errors.New(strings.Join(bad, "; "))
	}
	return nil
}

var settingTypes = []schema.Type{
	schema.String, schema.Bool, schema.Int, schema.Number, schema.Duration, schema.Size, schema.StringList, schema.StringMap,
}

// schemaMistakes lists what is wrong with a schema of settings.
func schemaMistakes(path string, o schema.Object) []string {
	var bad []string
	seen := map[string]bool{}
	for _, a := range o.Attributes {
		at := path + "." + a.Name
		if !settingName.MatchString(a.Name) {
			bad = append(bad, fmt.Sprintf("%s must be named in snake_case", at))
		}
		if seen[a.Name] {
			bad = append(bad, fmt.Sprintf("%s is declared twice", at))
		}
		seen[a.Name] = true
		bad = append(bad, attributeMistakes(at, a)...)
	}
	for _, b := range o.Blocks {
		if !settingName.MatchString(b.Name) || seen[b.Name] {
			bad = append(bad, fmt.Sprintf("block %s.%s must be named in snake_case, and only once", path, b.Name))
		}
		seen[b.Name] = true
		bad = append(bad, schemaMistakes(path+"."+b.Name, b.Object)...)
	}
	return bad
}

func attributeMistakes(at string, a schema.Attribute) []string {
	var bad []string
	complain := func(ok bool, format string, args ...any) {
		if !ok {
			bad = append(bad, at+" "+fmt.Sprintf(format, args...))
		}
	}
	complain(slices.Contains(settingTypes, a.Type), "has the unknown type %q", a.Type)
	complain(a.Description != "", "has no description: the operator reads it in help and errors")
	complain(!a.Required || a.Default == nil, "is required and has a default: choose one")
	complain(!a.Sensitive || a.Default == nil, "is sensitive and has a default: a default is no secret")
	if _, err := regexp.Compile(a.Pattern); err != nil {
		complain(false, "has a pattern that is not a regular expression: %v", err)
	}
	if a.Default != nil && slices.Contains(settingTypes, a.Type) {
		_, diags := schema.Object{Attributes: []schema.Attribute{a}}.Check(object(a.Name, a.Default))
		complain(!schema.HasErrors(diags), "has a default that does not fit: %s", schema.Join(diags))
	}
	return bad
}

// diagnosed turns diagnostics of settings that should be right into an error.
func diagnosed(what string, diags []schema.Diagnostic, err error) error {
	if err != nil {
		return fmt.Errorf("%s failed: %w", what, err)
	}
	if schema.HasErrors(diags) {
		return fmt.Errorf("%s refused settings that fit the schema: %s", what, schema.Join(diags))
	}
	return nil
}

// declared lists the operations that are declared for a mode.
func declared(m provider.Manifest, mode provider.Mode) []string {
	var names []string
	for _, op := range m.Operations {
		if op.Has(mode) {
			names = append(names, op.Name)
		}
	}
	return names
}
