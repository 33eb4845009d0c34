package schema

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Markdown writes the schema as a table for a README: one row for each setting,
// nested ones with their path, in the schema's order. It ends with a newline; a
// schema without settings is one sentence.
func Markdown(o Object) string {
	rows := o.rows("")
	if len(rows) == 0 {
		return "There are no settings.\n"
	}
	var b strings.Builder
	b.WriteString("| Setting | Type | Default | Meaning |\n|---|---|---|---|\n")
	for _, row := range rows {
		b.WriteString("| " + strings.Join(row, " | ") + " |\n")
	}
	return b.String()
}

func (o Object) rows(path string) [][]string {
	var rows [][]string
	for _, a := range o.Attributes {
		rows = append(rows, []string{code(join(path, a.Name)), cell(string(a.Type)), a.defaultCell(), cell(a.meaning())})
	}
	for _, b := range o.Blocks {
		name, kind := join(path, b.Name), "block"
		if b.Multiple {
			name, kind = name+"[]", "blocks"
		}
		given := ""
		if b.Required {
			given = "required"
		}
		rows = append(rows, []string{code(name), kind, given, cell(b.Description)})
		rows = append(rows, b.Object.rows(name)...)
	}
	return rows
}

func (a Attribute) defaultCell() string {
	if a.Required {
		return "required"
	}
	if a.Default == nil {
		return ""
	}
	text, err := json.Marshal(a.Default)
	if err != nil {
		return ""
	}
	return code(string(text))
}

// meaning is the description followed by the rules that a value must keep.
func (a Attribute) meaning() string {
	parts := []string{}
	add := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	if a.Description != "" {
		add("%s", sentence(a.Description))
	}
	if len(a.OneOf) > 0 {
		add("One of %s.", strings.Join(quoteAll(a.OneOf), ", "))
	}
	switch {
	case a.Min != nil && a.Max != nil:
		add("From %s to %s.", a.quantity(*a.Min), a.quantity(*a.Max))
	case a.Min != nil:
		add("At least %s.", a.quantity(*a.Min))
	case a.Max != nil:
		add("At most %s.", a.quantity(*a.Max))
	}
	if a.Pattern != "" {
		add("Must match %s.", code(a.Pattern))
	}
	if len(a.Env) > 0 {
		add("If absent, the host reads %s.", strings.Join(a.Env, ", "))
	}
	if a.Sensitive {
		add("Never shown.")
	}
	if a.Deprecated != "" {
		add("Deprecated: %s", sentence(a.Deprecated))
	}
	return strings.Join(parts, " ")
}

func code(text string) string { return "`" + cell(text) + "`" }

// cell makes text fit into one cell of a table.
func cell(text string) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(text), " "), "|", `\|`)
}
