package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/schema"
)

// printManifest writes a manifest for people.
func printManifest(out io.Writer, m *provider.Manifest) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	p := func(format string, args ...any) { _, _ = fmt.Fprintf(w, format, args...) } // the error comes again from Flush
	p("%s %s\n", m.Name, m.Version)
	if m.Description != "" {
		p("%s\n", m.Description)
	}
	p("\n")
	for _, row := range facts(m) {
		if row[1] != "" {
			p("%s\t%s\n", row[0], row[1])
		}
	}
	p("\nOperations\n")
	for _, op := range m.Operations {
		p("  %s\t%s\t%s\n", op.Name, modes(op), op.Description)
	}
	printSettings(p, "Settings of an endpoint", m.Settings)
	printSettings(p, "Settings of the provider block", m.ProviderSettings)
	return w.Flush()
}

// facts are the one-line properties of a manifest.
func facts(m *provider.Manifest) [][2]string {
	key := strings.Join(m.Credential.Env, ", ")
	switch {
	case m.Credential.Required && key != "":
		key = "required; api_key or " + key
	case m.Credential.Required:
		key = "required; api_key"
	case key != "":
		key = "optional; api_key or " + key
	}
	limits := ""
	if m.Limits.MaxConcurrent > 0 {
		limits = fmt.Sprintf("%d calls at once", m.Limits.MaxConcurrent)
	}
	return [][2]string{
		{"Homepage", m.Homepage},
		{"License", m.License},
		{"SDK", m.SDK},
		{"Key", key},
		{"Default model", m.Models.Default},
		{"Model names", strings.Join(m.Models.Patterns, ", ")},
		{"Limits", limits},
	}
}

func modes(op provider.Operation) string {
	words := make([]string, len(op.Modes))
	for i, m := range op.Modes {
		words[i] = string(m)
	}
	return strings.Join(words, ", ")
}

// printSettings writes a schema, nested blocks with their path.
func printSettings(p func(string, ...any), title string, o schema.Object) {
	if len(o.Attributes) == 0 && len(o.Blocks) == 0 {
		return
	}
	p("\n%s\n", title)
	printObject(p, "", o)
}

func printObject(p func(string, ...any), prefix string, o schema.Object) {
	for _, a := range o.Attributes {
		p("  %s%s\t%s\t%s\t%s\n", prefix, a.Name, a.Type, presence(a), describe(a))
	}
	for _, b := range o.Blocks {
		word := ""
		if b.Required {
			word = "required"
		}
		p("  %s%s\tblock\t%s\t%s\n", prefix, b.Name, word, b.Description)
		printObject(p, prefix+b.Name+".", b.Object)
	}
}

// presence says what happens if the setting is absent.
func presence(a schema.Attribute) string {
	switch {
	case a.Required:
		return "required"
	case a.Default == nil:
		return ""
	}
	value, err := json.Marshal(a.Default)
	if err != nil {
		return ""
	}
	return "= " + string(value)
}

func describe(a schema.Attribute) string {
	words := []string{a.Description}
	if len(a.OneOf) > 0 {
		words = append(words, "One of "+strings.Join(a.OneOf, ", ")+".")
	}
	if a.Sensitive {
		words = append(words, "Secret.")
	}
	if len(a.Env) > 0 {
		words = append(words, "Else from "+strings.Join(a.Env, ", ")+".")
	}
	if a.Deprecated != "" {
		words = append(words, "Deprecated: "+a.Deprecated)
	}
	return strings.TrimSpace(strings.Join(words, " "))
}
