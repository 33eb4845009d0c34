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
