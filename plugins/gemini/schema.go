package main

import (
	"bytes"
	"encoding/json"
	"strings"
)

// apiSchema is the service's own form of a schema, a part of OpenAPI's. Counts
// are strings there, as all large numbers are in the service's JSON.
type apiSchema struct {
	Type             string                `json:"type,omitempty"`
	Title            string                `json:"title,omitempty"`
	Description      string                `json:"description,omitempty"`
	Format           string                `json:"format,omitempty"`
	Nullable         bool                  `json:"nullable,omitempty"`
	Enum             []string              `json:"enum,omitempty"`
	Properties       map[string]*apiSchema `json:"properties,omitempty"`
	PropertyOrdering []string              `json:"propertyOrdering,omitempty"`
	Required         []string              `json:"required,omitempty"`
	Items            *apiSchema            `json:"items,omitempty"`
	AnyOf            []*apiSchema          `json:"anyOf,omitempty"`
	Minimum          *float64              `json:"minimum,omitempty"`
	Maximum          *float64              `json:"maximum,omitempty"`
	MinItems         json.Number           `json:"minItems,omitempty"`
	MaxItems         json.Number           `json:"maxItems,omitempty"`
	MinLength        json.Number           `json:"minLength,omitempty"`
	MaxLength        json.Number           `json:"maxLength,omitempty"`
	MinProperties    json.Number           `json:"minProperties,omitempty"`
	MaxProperties    json.Number           `json:"maxProperties,omitempty"`
	Pattern          string                `json:"pattern,omitempty"`
	Default          json.RawMessage       `json:"default,omitempty"`
}

// MarshalJSON writes the counts as strings.
func (s apiSchema) MarshalJSON() ([]byte, error) {
	type plain apiSchema
	return json.Marshal(struct {
		plain
		MinItems      string `json:"minItems,omitempty"`
		MaxItems      string `json:"maxItems,omitempty"`
		MinLength     string `json:"minLength,omitempty"`
		MaxLength     string `json:"maxLength,omitempty"`
		MinProperties string `json:"minProperties,omitempty"`
		MaxProperties string `json:"maxProperties,omitempty"`
	}{
		plain(s), s.MinItems.String(), s.MaxItems.String(), s.MinLength.String(), s.MaxLength.String(),
		s.MinProperties.String(), s.MaxProperties.String(),
	})
}

// jsonSchema are the keywords of JSON schema that have a counterpart. Names are
// decoded in the order in which they stand.
type jsonSchema struct {
	Type        json.RawMessage            `json:"type"`
	Format      string                     `json:"format"`
	Nullable    bool                       `json:"nullable"`
	Enum        []json.RawMessage          `json:"enum"`
	Const       json.RawMessage            `json:"const"`
	Properties  map[string]json.RawMessage `json:"properties"`
	Items       json.RawMessage            `json:"items"`
	AnyOf       []json.RawMessage          `json:"anyOf"`
	Closed      json.RawMessage            `json:"additionalProperties"`
	Title       string                     `json:"title"`
	Description string                     `json:"description"`
	Required    []string                   `json:"required"`
	Minimum     *float64                   `json:"minimum"`
	Maximum     *float64                   `json:"maximum"`
	MinItems    json.Number                `json:"minItems"`
	MaxItems    json.Number                `json:"maxItems"`
	MinLength   json.Number                `json:"minLength"`
	MaxLength   json.Number                `json:"maxLength"`
	MinProps    json.Number                `json:"minProperties"`
	MaxProps    json.Number                `json:"maxProperties"`
	Pattern     string                     `json:"pattern"`
	Default     json.RawMessage            `json:"default"`

	// Without meaning for what fits the schema.
	Schema  string `json:"$schema"`
	ID      string `json:"$id"`
	Comment string `json:"$comment"`
}

// convert writes a JSON schema in the service's form. It reports false if that
// cannot say all that the schema says: references, combinations other than
// anyOf, keywords of which it has none. Objects that are closed to further
// properties count as said: the service makes no others.
func convert(raw json.RawMessage) (*apiSchema, bool) {
	var in jsonSchema
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if dec.Decode(&in) != nil {
		return nil, false
	}
	out := &apiSchema{
		Title: in.Title, Description: in.Description, Format: in.Format, Nullable: in.Nullable, Required: in.Required,
		Minimum: in.Minimum, Maximum: in.Maximum, MinItems: in.MinItems, MaxItems: in.MaxItems,
		MinLength: in.MinLength, MaxLength: in.MaxLength, MinProperties: in.MinProps, MaxProperties: in.MaxProps,
		Pattern: in.Pattern, Default: in.Default,
	}
	closed := in.Closed == nil || string(in.Closed) == "false"
	return out, closed && out.setType(in.Type) && out.knownFormat() && out.setEnum(in.Enum, in.Const) && out.nest(&in)
}

// setType sets the type; a list of types can be one type and null.
func (s *apiSchema) setType(raw json.RawMessage) bool {
	if raw == nil {
		return true
	}
	var one string
	if json.Unmarshal(raw, &one) == nil {
		s.Type = strings.ToUpper(one)
		return true
	}
	var list []string
	if json.Unmarshal(raw, &list) != nil {
		return false
	}
	for _, t := range list {
		switch {
		case t == "null":
			s.Nullable = true
		case s.Type != "":
			return false
		default:
			s.Type = strings.ToUpper(t)
		}
	}
	return s.Type != ""
}

// knownFormat reports whether the service takes the format with the type.
func (s *apiSchema) knownFormat() bool {
	switch s.Type + " " + s.Format {
	case "STRING enum", "STRING date-time", "NUMBER float", "NUMBER double", "INTEGER int32", "INTEGER int64":
		return true
	default:
		return s.Format == ""
	}
}

// setEnum sets the allowed values, which must be strings.
func (s *apiSchema) setEnum(values []json.RawMessage, single json.RawMessage) bool {
	if single != nil {
		values = append(values, single)
	}
	for _, v := range values {
		var text string
		if json.Unmarshal(v, &text) != nil || string(v) == "null" {
			return false
		}
		s.Enum = append(s.Enum, text)
	}
	if s.Type == "" && len(s.Enum) > 0 {
		s.Type = "STRING"
	}
	return len(s.Enum) == 0 || s.Type == "STRING"
}

// nest converts the schemas within the schema. The service wants to know the
// type of everything but of a choice, and the properties of an object.
func (s *apiSchema) nest(in *jsonSchema) bool {
	if s.Type == "" && len(in.AnyOf) == 0 {
		return false
	}
	for name, raw := range in.Properties {
		inner, ok := convert(raw)
		if !ok || inner.Type == "OBJECT" && len(inner.Properties) == 0 {
			return false
		}
		if s.Properties == nil {
			s.Properties = map[string]*apiSchema{}
		}
		s.Properties[name] = inner
	}
	if in.Items != nil {
		inner, ok := convert(in.Items)
		if !ok || inner.Type == "OBJECT" && len(inner.Properties) == 0 {
			return false
		}
		s.Items = inner
	}
	for _, raw := range in.AnyOf {
		inner, ok := convert(raw)
		if !ok {
			return false
		}
		s.AnyOf = append(s.AnyOf, inner)
	}
	return s.Type != "ARRAY" || s.Items != nil
}
