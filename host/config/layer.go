package config

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/backplane-dev/backplane/sdk/schema"
)

// layer returns the schema without defaults, for blocks that are laid over
// others: what is not given must stay absent.
func layer(o schema.Object) schema.Object {
	return rewrite(o, "", func(_ string, a *schema.Attribute) { a.Default = nil })
}

// hideExternal returns the schema with settings whose value comes from the
// environment or a file marked as sensitive, so that no message quotes them.
func hideExternal(o schema.Object, s *section, path string) schema.Object {
	hidden := make(map[string]bool, len(s.external))
	for at := range s.external {
		hidden[withoutIndexes(at)] = true
	}
	return rewrite(o, withoutIndexes(path), func(at string, a *schema.Attribute) {
		a.Sensitive = a.Sensitive || hidden[at]
	})
}

var index = regexp.MustCompile(`\[\d+\]`)

func withoutIndexes(path string) string { return index.ReplaceAllString(path, "") }

// rewrite returns a copy of the schema with each attribute changed by change,
// which is given its path.
func rewrite(o schema.Object, path string, change func(path string, a *schema.Attribute)) schema.Object {
	o = schema.Object{Attributes: slices.Clone(o.Attributes), Blocks: slices.Clone(o.Blocks)}
	for i := range o.Attributes {
		change(join(path, o.Attributes[i].Name), &o.Attributes[i])
	}
	for i := range o.Blocks {
		o.Blocks[i].Object = rewrite(o.Blocks[i].Object, join(path, o.Blocks[i].Name), change)
	}
	return o
}

// warnLiterals warns about secrets that are written out in the file.
func (f *File) warnLiterals(s *section, o schema.Object, path string, values map[string]any) {
	for _, a := range o.Attributes {
		at := join(path, a.Name)
		if text, ok := values[a.Name].(string); ok && text != "" && a.Sensitive && s.literal[at] {
			f.warnAt(s, at, s.places[at].value, "Secret in the file",
				fmt.Sprintf("Whoever can read the file can read %q. Write %s = env(\"NAME\") or %s = file(\"path\") instead.", a.Name, a.Name, a.Name))
		}
	}
	for _, b := range o.Blocks {
		at := join(path, b.Name)
		switch nested := values[b.Name].(type) {
		case map[string]any:
			f.warnLiterals(s, b.Object, at, nested)
		case []any:
			for i, item := range nested {
				if one, ok := item.(map[string]any); ok {
					f.warnLiterals(s, b.Object, at+"["+strconv.Itoa(i)+"]", one)
				}
			}
		}
	}
}

// fillFromEnv gives absent settings the value of the first of their environment
// variables that is set and not empty. It returns the variable by path. Values
// that do not fit the type are left as text, for the schema to judge.
func fillFromEnv(o schema.Object, path string, values map[string]any, env LookupEnv) map[string]string {
	used := make(map[string]string)
	for _, a := range o.Attributes {
		if values[a.Name] != nil {
			continue
		}
		for _, name := range a.Env {
			if text, ok := env.get(name); ok && text != "" {
				values[a.Name] = parseEnv(a.Type, text)
				used[join(path, a.Name)] = name
				break
			}
		}
	}
	for _, b := range o.Blocks {
		nested, ok := values[b.Name].(map[string]any)
		if !ok {
			continue
		}
		for at, name := range fillFromEnv(b.Object, join(path, b.Name), nested, env) {
			used[at] = name
		}
	}
	return used
}

func parseEnv(t schema.Type, text string) any {
	switch t {
	case schema.Bool:
		if v, err := strconv.ParseBool(text); err == nil {
			return v
		}
	case schema.Int, schema.Number:
		if json.Valid([]byte(text)) {
			return json.Number(text)
		}
	case schema.StringList:
		var list []any
		for _, item := range strings.Split(text, ",") {
			list = append(list, strings.TrimSpace(item))
		}
		return list
	}
	return text
}
