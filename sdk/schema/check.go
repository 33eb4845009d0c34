package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Check checks a JSON object of settings against the schema and returns it with
// defaults filled in and numbers in canonical form, ready to be decoded into a
// struct. nil and empty values mean no settings; null means a setting was not
// given.
//
// All mistakes are reported at once: declared settings in the schema's order,
// then unknown ones by name. Diagnostics never contain a sensitive value.
// Settings are nil if there is an error among the diagnostics; warnings alone
// leave them usable. A block that is not given stays absent: defaults inside it
// are filled in only where it is given.
func (o Object) Check(values json.RawMessage) (json.RawMessage, []Diagnostic) {
	given, problem := decodeObject(values)
	if problem != "" {
		return nil, []Diagnostic{{Summary: "Invalid settings", Detail: problem}}
	}
	var c checker
	filled := c.object(o, given, "")
	if HasErrors(c.diags) {
		return nil, c.diags
	}
	out, err := json.Marshal(filled)
	if err != nil {
		return nil, append(c.diags, Diagnostic{Summary: "Invalid settings", Detail: err.Error()})
	}
	return out, c.diags
}

// decodeObject decodes a JSON object, keeping numbers as they are written. The
// second result says what is wrong, "" if nothing is.
func decodeObject(values json.RawMessage) (map[string]any, string) {
	if len(bytes.TrimSpace(values)) == 0 {
		return nil, ""
	}
	dec := json.NewDecoder(bytes.NewReader(values))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, fmt.Sprintf("The settings are not valid JSON: %v.", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, "The settings must be one JSON object, but more follows it."
	}
	switch v := v.(type) {
	case nil:
		return nil, ""
	case map[string]any:
		return v, ""
	default:
		return nil, fmt.Sprintf("The settings must be a JSON object, but %s was given.", kindOf(v))
	}
}

// checker collects the mistakes of one Check.
type checker struct{ diags []Diagnostic }

func (c *checker) errorf(path, summary, format string, args ...any) {
	c.diags = append(c.diags, Diagnostic{Path: path, Summary: summary, Detail: fmt.Sprintf(format, args...)})
}

func (c *checker) object(o Object, given map[string]any, path string) map[string]any {
	out := make(map[string]any, len(given))
	for _, a := range o.Attributes {
		if v, ok := c.attribute(a, given[a.Name], join(path, a.Name)); ok {
			out[a.Name] = v
		}
	}
	for _, b := range o.Blocks {
		if v, ok := c.block(b, given[b.Name], join(path, b.Name)); ok {
			out[b.Name] = v
		}
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if !o.declares(name) {
			c.errorf(join(path, name), "Unsupported setting", "%s", o.explainUnknown(name))
		}
	}
	return out
}

// attribute returns the value to use, false if the setting stays absent.
func (c *checker) attribute(a Attribute, v any, path string) (any, bool) {
	if v == nil {
		if a.Required {
			c.errorf(path, "Missing setting", "The setting %q is required: %s.", a.Name, a.example())
		}
		return a.Default, a.Default != nil
	}
	if a.Deprecated != "" {
		c.diags = append(c.diags, Diagnostic{Path: path, Warning: true, Summary: "Deprecated setting",
			Detail: fmt.Sprintf("The setting %q is deprecated: %s", a.Name, sentence(a.Deprecated))})
	}
	return c.value(a, v, path), true
}

func (c *checker) block(b Block, v any, path string) (any, bool) {
	if v == nil {
		if b.Required {
			c.errorf(path, "Missing block", "A block %q is required here.", b.Name)
		}
		return nil, false
	}
	if !b.Multiple {
		return c.blockBody(b, v, path), true
	}
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	out := make([]any, len(list))
	for i, item := range list {
		out[i] = c.blockBody(b, item, path+"["+strconv.Itoa(i)+"]")
	}
	if b.Required && len(out) == 0 {
		c.errorf(path, "Missing block", "At least one block %q is required here.", b.Name)
	}
	return out, true
}

func (c *checker) blockBody(b Block, v any, path string) any {
	m, ok := v.(map[string]any)
	if !ok {
		c.errorf(path, "Wrong type", "%q must be a block of settings, but %s was given.", b.Name, kindOf(v))
		return nil
	}
	return c.object(b.Object, m, path)
}

func (o Object) declares(name string) bool { return slices.Contains(o.names(), name) }

// names lists all attributes and blocks.
func (o Object) names() []string {
	names := make([]string, 0, len(o.Attributes)+len(o.Blocks))
	for _, a := range o.Attributes {
		names = append(names, a.Name)
	}
	for _, b := range o.Blocks {
		names = append(names, b.Name)
	}
	return names
}

// explainUnknown says what may have been meant with a name that is not declared.
func (o Object) explainUnknown(name string) string {
	text := fmt.Sprintf("There is no setting %q here.", name)
	for _, b := range o.Blocks {
		if b.Object.declares(name) {
			return text + fmt.Sprintf(" It belongs into the block %q.", b.Name)
		}
	}
	names := o.names()
	if near := Nearest(name, names); near != "" {
		return text + fmt.Sprintf(" Did you mean %q?", near)
	}
	if len(names) == 0 {
		return text + " No settings can be given."
	}
	return text + " Allowed are " + strings.Join(quoteAll(names), ", ") + "."
}

// join appends a name to a path.
func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func quoteAll(words []string) []string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = strconv.Quote(w)
	}
	return quoted
}

// sentence ends text with a full stop.
func sentence(text string) string { return strings.TrimRight(text, ". ") + "." }
