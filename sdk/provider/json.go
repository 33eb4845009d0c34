package provider

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"sync"
)

// Extra holds the JSON fields of an object that its Go struct does not name, so
// that a field which a service adds tomorrow survives the round trip today.
type Extra map[string]json.RawMessage

// decodeStrict decodes one JSON value and refuses unknown fields and trailing data.
func decodeStrict(data []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("trailing data after the JSON value")
	}
	return nil
}

// decodeOpen decodes a JSON object into the struct that v points to and puts
// the fields that the struct does not name into extra. v must be of a type
// without UnmarshalJSON of its own.
func decodeOpen(data []byte, v any, extra *Extra) error {
	if err := json.Unmarshal(data, v); err != nil {
		return err
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(data, &all); err != nil {
		return err
	}
	for _, name := range fieldNames(reflect.TypeOf(v).Elem()) {
		delete(all, name)
	}
	*extra = nil
	if len(all) > 0 {
		*extra = all
	}
	return nil
}

// encodeOpen encodes v, a struct, and appends the extra fields to the object. A
// field that the struct names wins over an extra one of the same name.
func encodeOpen(v any, extra Extra) ([]byte, error) {
	known, err := json.Marshal(v)
	if err != nil || len(extra) == 0 {
		return known, err
	}
	rest := make(Extra, len(extra))
	for name, value := range extra {
		rest[name] = value
	}
	for _, name := range fieldNames(reflect.TypeOf(v)) {
		delete(rest, name)
	}
	if len(rest) == 0 {
		return known, nil
	}
	tail, err := json.Marshal(rest)
	if err != nil {
		return nil, fmt.Errorf("extra fields: %w", err)
	}
	if len(known) == len("{}") {
		return tail, nil
	}
	known[len(known)-1] = ','
	return append(known, tail[1:]...), nil
}

var fieldNameCache sync.Map // reflect.Type -> []string

// fieldNames lists the JSON names of a struct's fields.
func fieldNames(t reflect.Type) []string {
	if names, ok := fieldNameCache.Load(t); ok {
		return names.([]string)
	}
	var names []string
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		if name != "" && name != "-" {
			names = append(names, name)
		}
	}
	fieldNameCache.Store(t, names)
	return names
}
