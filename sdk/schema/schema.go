// Package schema describes settings as data: what a configuration block may
// hold, with types, defaults, bounds and words for the operator.
//
// A provider plugin declares the schema of its settings in its manifest. The
// host decodes the operator's configuration with it, so that a typo in a third
// party's setting is reported at its own line, and prints the schema in help
// and documentation. The same check runs for endpoints created over the admin
// API and, once more, in the plugin's process before its code sees a setting.
//
// This package imports the standard library only.
package schema

// Object describes a block of settings: its attributes and nested blocks, in
// the order in which they are documented.
type Object struct {
	Attributes []Attribute `json:"attributes,omitempty"`
	Blocks     []Block     `json:"blocks,omitempty"`
}

// Attribute describes one setting.
type Attribute struct {
	// Name in snake_case.
	Name string `json:"name"`
	Type Type   `json:"type"`
	// Description is a sentence or two for the operator.
	Description string `json:"description,omitempty"`
	// Required settings must be given; they have no default.
	Required bool `json:"required,omitempty"`
	// Default is used if the setting is absent: a JSON value of the type, for
	// Duration a string such as "30s", for Size a string such as "16MiB". nil
	// leaves an absent setting absent.
	Default any `json:"default,omitempty"`
	// Sensitive values are never printed, logged or returned by the admin API.
	Sensitive bool `json:"sensitive,omitempty"`
	// OneOf lists the allowed values of a String.
	OneOf []string `json:"one_of,omitempty"`
	// Min and Max bound an Int, Number, Duration (in seconds), Size (in
	// bytes), or the length of a String, list or map; nil is no bound.
	Min *float64 `json:"min,omitempty"`
	Max *float64 `json:"max,omitempty"`
	// Pattern is a regular expression (RE2) that a String must match as a whole.
	Pattern string `json:"pattern,omitempty"`
	// Deprecated says what to use instead; giving the setting is a warning.
	Deprecated string `json:"deprecated,omitempty"`
	// Env names environment variables of the host that are used, in order, if
	// the setting is absent. The plugin never reads them itself.
	Env []string `json:"env,omitempty"`
}

// Block describes a nested block of settings.
type Block struct {
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
	Object      Object `json:"object"`
	// Required blocks must be given.
	Required bool `json:"required,omitempty"`
	// Multiple blocks may be given; their values form a list.
	Multiple bool `json:"multiple,omitempty"`
}

// Type is the type of an attribute.
type Type string

// The types. In JSON a Duration is a string with a unit ("1m30s", "250ms"), a
// Size a string with a unit ("16MiB", "1GB") or a number of bytes.
const (
	String     Type = "string"
	Bool       Type = "bool"
	Int        Type = "int"
	Number     Type = "number"
	Duration   Type = "duration"
	Size       Type = "size"
	StringList Type = "list(string)"
	StringMap  Type = "map(string)"
)

// Bound returns a pointer to v, for Min and Max.
func Bound(v float64) *float64 { return &v }
