package plugintest

import (
	"encoding/json"
	"fmt"
)

// SchemaError says why JSON does not fit a schema that the description names,
// for what no answer has as a whole, such as the events of a stream.
func (s *Spec) SchemaError(name string, data []byte) error {
	if s.doc == nil {
		return nil
	}
	schema := s.doc.Components.Schemas[name]
	if schema == nil {
		return fmt.Errorf("the description has no schema %q", name)
	}
	var value any
	if err := json.Unmarshal(data, &value); err != nil {
		return err
	}
	return schema.Value.VisitJSON(value)
}

// Enum returns the words that a property of a named schema can have, nil where
// the description is not at hand.
func (s *Spec) Enum(name, property string) []string {
	if s.doc == nil || s.doc.Components.Schemas[name] == nil {
		return nil
	}
	described := s.doc.Components.Schemas[name].Value.Properties[property]
	if described == nil {
		return nil
	}
	var words []string
	for _, word := range described.Value.Enum {
		words = append(words, fmt.Sprint(word))
	}
	return words
}
