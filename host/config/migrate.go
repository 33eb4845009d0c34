package config

import (
	"bytes"
	"encoding/json"

	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/schema"
)

// Migrate carries an endpoint's settings over to another version of its plugin.
// Those that have the value which the old version gives them anyway are left to
// the new version: it may have dropped them, or give them another one. The
// endpoint is usable if no diagnostic is an error.
//
// It is for endpoints that do not stand in the file as they are; for those that
// do, [File.Resolve] reads what was really written.
func Migrate(e Endpoint, from, to provider.Manifest) (Endpoint, []schema.Diagnostic) {
	values, err := decodeObject(e.Settings.JSON())
	if err != nil {
		return e, []schema.Diagnostic{{Path: settingsBlock, Summary: "Invalid settings", Detail: sentence(err.Error())}}
	}
	dropDefaults(from.Settings, values)
	kept, err := json.Marshal(values)
	if err != nil {
		return e, []schema.Diagnostic{{Path: settingsBlock, Summary: "Invalid settings", Detail: sentence(err.Error())}}
	}
	e.Settings = provider.NewSettings(kept)
	return PatchEndpoint([]byte("{}"), e, to)
}

// dropDefaults removes the values that the schema fills in by itself.
func dropDefaults(o schema.Object, values map[string]any) {
	for _, a := range o.Attributes {
		if a.Default != nil && sameJSON(values[a.Name], defaultOf(a)) {
			delete(values, a.Name)
		}
	}
	for _, b := range o.Blocks {
		if nested, ok := values[b.Name].(map[string]any); ok {
			dropDefaults(b.Object, nested)
		}
	}
}

// defaultOf is a setting's default as the schema writes it.
func defaultOf(a schema.Attribute) any {
	a.Required = false
	raw, diags := schema.Object{Attributes: []schema.Attribute{a}}.Check([]byte("{}"))
	if schema.HasErrors(diags) {
		return nil
	}
	values, err := decodeObject(raw)
	if err != nil {
		return nil
	}
	return values[a.Name]
}

func sameJSON(a, b any) bool {
	one, err := json.Marshal(a)
	if err != nil {
		return false
	}
	other, err := json.Marshal(b)
	return err == nil && bytes.Equal(one, other)
}
