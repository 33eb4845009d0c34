package schema

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
)

var (
	nameRule = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	types    = []Type{String, Bool, Int, Number, Duration, Size, StringList, StringMap}
)

// Validate checks the schema itself, for plugin authors: names and types, rules
// that fit the type, bounds in order, patterns that compile, defaults that the
// schema would accept. It returns all mistakes, joined, each with the path of
// the attribute or block.
func (o Object) Validate() error { return errors.Join(o.mistakes("")...) }

func (o Object) mistakes(path string) []error {
	var errs []error
	seen := make(map[string]bool)
	name := func(name string) {
		at := join(path, name)
		if !nameRule.MatchString(name) {
			errs = append(errs, fmt.Errorf("%s: the name must be snake_case: lower-case letters, digits and _, a letter first", at))
		}
		if seen[name] {
			errs = append(errs, fmt.Errorf("%s: the name is declared twice; attributes and blocks share their names", at))
		}
		seen[name] = true
	}
	for _, a := range o.Attributes {
		name(a.Name)
		for _, err := range a.mistakes() {
			errs = append(errs, fmt.Errorf("%s: %w", join(path, a.Name), err))
		}
	}
	for _, b := range o.Blocks {
		name(b.Name)
		errs = append(errs, b.Object.mistakes(join(path, b.Name))...)
	}
	return errs
}

func (a Attribute) mistakes() []error {
	var errs []error
	add := func(wrong bool, format string, args ...any) {
		if wrong {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	add(!slices.Contains(types, a.Type), "unknown type %q; use one of the schema package's types", a.Type)
	add(len(a.OneOf) > 0 && a.Type != String, "one_of is for strings, not for %s", a.Type.words())
	add(a.Pattern != "" && a.Type != String, "pattern is for strings, not for %s", a.Type.words())
	add(len(a.Env) > 0 && a.Type == StringMap, "env is for single values and lists, not for a map")
	add((a.Min != nil || a.Max != nil) && a.Type == Bool, "a bool has no bounds")
	add(a.Min != nil && a.Max != nil && *a.Min > *a.Max, "min %v is greater than max %v", deref(a.Min), deref(a.Max))
	if _, err := compile(a.Pattern); err != nil {
		add(true, "the pattern does not compile: %w", err)
	}
	add(a.Required && a.Default != nil, "a required setting cannot have a default")
	add(a.Sensitive && a.Default != nil, "a sensitive setting cannot have a default, which everybody could read")
	if len(errs) > 0 {
		return errs // the default cannot be judged by broken rules
	}
	if err := a.checkDefault(); err != nil {
		errs = append(errs, err)
	}
	return errs
}

// checkDefault checks the default like a value that an operator wrote.
func (a Attribute) checkDefault() error {
	if a.Default == nil {
		return nil
	}
	text, err := json.Marshal(map[string]any{a.Name: a.Default})
	if err != nil {
		return fmt.Errorf("the default is no JSON value: %w", err)
	}
	a.Default, a.Deprecated = nil, ""
	if _, diags := (Object{Attributes: []Attribute{a}}).Check(text); len(diags) > 0 {
		return fmt.Errorf("the default does not fit: %s", diags[0].Detail)
	}
	return nil
}

func deref(f *float64) float64 {
	if f == nil {
		return 0
	}
	return *f
}
