package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/schema"
)

// PeekEndpoint reads the id and the provider's name from an endpoint's JSON, so
// that the provider's block and manifest can be found for [DecodeEndpoint].
// They are empty if the JSON does not hold them.
func PeekEndpoint(spec []byte) (id, provider string, err error) {
	given, err := decodeObject(spec)
	if err != nil {
		return "", "", err
	}
	for name, into := range map[string]*string{"id": &id, "provider": &provider} {
		text, isText := given[name].(string)
		if given[name] != nil && !isText {
			return "", "", fmt.Errorf("%q must be a string in quotes", name)
		}
		*into = text
	}
	return id, provider, nil
}

// DecodeEndpoint reads an endpoint from JSON with the names of the endpoint
// block, "id" and "provider" among them: {"id": "fast", "provider": "openai",
// "queue": {"size": 10}, "settings": {...}}. What it does not say it inherits
// from the provider's block p. Without an id, the endpoint's ID is empty and
// the caller's to choose. The endpoint is usable if no diagnostic is an error;
// a missing key is a warning.
func DecodeEndpoint(spec []byte, p Provider, m provider.Manifest, env LookupEnv) (Endpoint, []schema.Diagnostic) {
	base := p.newEndpoint("")
	e, given, diags := overlay(spec, base, m, env)
	e.APIKey = resolveKey(secretIn(given["api_key"]), p.Defaults.APIKey, m.Credential, env)
	if e.APIKey.IsZero() && m.Credential.Required {
		diags = append(diags, schema.Diagnostic{Path: "api_key", Warning: true, Summary: "No credential", Detail: missingKey(p.Name, m.Credential)})
	}
	return e, diags
}

// PatchEndpoint changes what the patch names and nothing else. Settings are
// merged: a setting given as null goes back to its default. Id and provider may
// be repeated but not changed.
func PatchEndpoint(patch []byte, e Endpoint, m provider.Manifest) (Endpoint, []schema.Diagnostic) {
	changed, given, diags := overlay(patch, e, m, nil)
	if key := secretIn(given["api_key"]); key != nil {
		changed.APIKey = *key
	}
	if given["provider"] != nil && changed.Provider != e.Provider {
		diags = append(diags, schema.Diagnostic{Path: "provider", Summary: "Value not allowed",
			Detail: fmt.Sprintf("The provider of an endpoint cannot be changed: it is %q. Create another endpoint.", e.Provider)})
	}
	if given["id"] != nil && changed.ID != e.ID {
		diags = append(diags, schema.Diagnostic{Path: "id", Summary: "Value not allowed",
			Detail: fmt.Sprintf("The id of an endpoint cannot be changed: it is %q. Create another endpoint.", e.ID)})
	}
	return changed, diags
}

// overlay lays JSON over an endpoint. It returns the values as given, too. env
// fills in absent settings, nil does not.
func overlay(spec []byte, e Endpoint, m provider.Manifest, env LookupEnv) (Endpoint, map[string]any, []schema.Diagnostic) {
	given, err := decodeObject(spec)
	if err != nil {
		return e, nil, []schema.Diagnostic{{Summary: "Invalid endpoint", Detail: sentence(err.Error())}}
	}
	values := make(map[string]any, len(given)+1)
	for name, v := range given {
		values[name] = v
	}
	used := make(map[string]string)
	if patch, ok := given[settingsBlock].(map[string]any); ok || given[settingsBlock] == nil {
		settings, err := decodeObject(e.Settings.JSON())
		if err != nil {
			return e, nil, []schema.Diagnostic{{Path: settingsBlock, Summary: "Invalid settings", Detail: sentence(err.Error())}}
		}
		merged := merge(settings, patch)
		if env != nil {
			used = fillFromEnv(m.Settings, settingsBlock, merged, env)
		}
		values[settingsBlock] = merged
	}
	e, diags := decodeOver(e, values, endpointSchema(m, used))
	for i, d := range diags {
		if name, ok := used[d.Path]; ok {
			diags[i].Detail += fromVariable(name)
		}
	}
	if id, ok := given["id"].(string); ok {
		if detail := idMistake(id); detail != "" {
			diags = append(diags, schema.Diagnostic{Path: "id", Summary: "Value not allowed", Detail: detail})
		}
	}
	return e, given, diags
}

// decodeOver checks values and lays them over the endpoint.
func decodeOver(e Endpoint, values map[string]any, o schema.Object) (Endpoint, []schema.Diagnostic) {
	text, err := json.Marshal(values)
	if err != nil {
		return e, []schema.Diagnostic{{Summary: "Invalid endpoint", Detail: sentence(err.Error())}}
	}
	raw, diags := o.Check(text)
	if schema.HasErrors(diags) {
		return e, diags
	}
	into := struct {
		ID       *string         `json:"id"`
		Provider *string         `json:"provider"`
		Model    *string         `json:"model"`
		Settings json.RawMessage `json:"settings"`
	}{ID: &e.ID, Provider: &e.Provider, Model: &e.Model}
	for _, target := range []any{&into, &e.Policy} {
		if err := json.Unmarshal(raw, target); err != nil {
			return e, append(diags, schema.Diagnostic{Summary: "Invalid endpoint", Detail: sentence(err.Error())})
		}
	}
	e.Settings = provider.NewSettings(into.Settings)
	return e, append(diags, e.Policy.check()...)
}

// endpointSchema is the endpoint block with id and the plugin's settings. What
// came from the environment is not quoted.
func endpointSchema(m provider.Manifest, used map[string]string) schema.Object {
	o := layer(endpointBlock())
	o.Attributes = append(o.Attributes, schema.Attribute{Name: "id", Type: schema.String})
	for i := range o.Attributes {
		o.Attributes[i].Required = false
	}
	for i := range o.Blocks {
		if o.Blocks[i].Name == settingsBlock {
			o.Blocks[i].Object = rewrite(m.Settings, settingsBlock, func(path string, a *schema.Attribute) {
				a.Sensitive = a.Sensitive || used[path] != ""
			})
		}
	}
	return o
}

// merge lays patch over base as RFC 7396 says: objects are merged, null removes.
func merge(base, patch map[string]any) map[string]any {
	out := make(map[string]any, len(base)+len(patch))
	for name, v := range base {
		out[name] = v
	}
	for name, v := range patch {
		nested, isObject := v.(map[string]any)
		old, wasObject := out[name].(map[string]any)
		switch {
		case v == nil:
			delete(out, name)
		case isObject && wasObject:
			out[name] = merge(old, nested)
		default:
			out[name] = v
		}
	}
	return out
}

// decodeObject decodes a JSON object, keeping numbers as they are written.
func decodeObject(text []byte) (map[string]any, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, fmt.Errorf("the endpoint is not valid JSON: %w", err)
	}
	values, isObject := v.(map[string]any)
	if !isObject {
		return nil, errors.New("the endpoint must be a JSON object, for example {\"provider\": \"openai\"}")
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("the endpoint must be one JSON object, but more follows it")
	}
	return values, nil
}
