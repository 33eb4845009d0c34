package providertest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"

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

func manifestValid(_ context.Context, l *lab) error {
	m := l.manifest
	errs := []error{m.Validate()}
	if m.Description == "" {
		errs = append(errs, errors.New("description: it is empty; say in one sentence what the provider does"))
	}
	if !slices.Contains(m.Protocols, 1) {
		errs = append(errs, fmt.Errorf("protocols: %v must contain 1", m.Protocols))
	}
	errs = append(errs, undescribed("settings", m.Settings), undescribed("provider_settings", m.ProviderSettings))
	return errors.Join(errs...)
}

// undescribed reports settings without words for the operator.
func undescribed(path string, o schema.Object) error {
	var errs []error
	for _, a := range o.Attributes {
		if a.Description == "" {
			errs = append(errs, fmt.Errorf("%s.%s: it has no description; the operator reads it in help and errors", path, a.Name))
		}
	}
	for _, b := range o.Blocks {
		errs = append(errs, undescribed(path+"."+b.Name, b.Object))
	}
	return errors.Join(errs...)
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
