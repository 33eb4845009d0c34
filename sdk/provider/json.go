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
// without UnmarshalJSON of its own. The object is taken apart once and its
// fields are decoded one by one: decoding it as a struct and again as a map
// would double the work at every level of nesting.
func decodeOpen(data []byte, v any, extra *Extra) error {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(data, &all); err != nil {
		return err
	}
	object := reflect.ValueOf(v).Elem()
	for _, f := range fieldsOf(object.Type()) {
		raw, given := all[f.name]
		if !given {
			continue
		}
		delete(all, f.name)
		if err := json.Unmarshal(raw, object.Field(f.index).Addr().Interface()); err != nil {
			return inField(f.name, err)
		}
	}
	*extra = nil
	if len(all) > 0 {
		*extra = all
	}
	return nil
}

// inField adds the field's name to an error about its value.
func inField(name string, err error) error {
	var wrong *json.UnmarshalTypeError
	var inner *fieldError
	switch {
	case errors.As(err, &inner):
		return &fieldError{field: name + "." + inner.field, err: inner.err}
	case !errors.As(err, &wrong):
		return &fieldError{field: name, err: err}
	}
	located := *wrong
	located.Field = strings.TrimSuffix(name+"."+wrong.Field, ".")
	return &located
}

// fieldError is what a type of this package says of its JSON, with the path of
// the field. It is to the types' own words what [json.UnmarshalTypeError] is to
// encoding/json's.
type fieldError struct {
	field string
	err   error
}

func (e *fieldError) Error() string { return e.field + ": " + e.err.Error() }
func (e *fieldError) Unwrap() error { return e.err }

// Field is the path of the field.
func (e *fieldError) Field() string { return e.field }

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
	for _, f := range fieldsOf(reflect.TypeOf(v)) {
		delete(rest, f.name)
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

// field is a field of a struct under its JSON name.
type field struct {
	name  string
	index int
}

var fieldCache sync.Map // reflect.Type -> []field

// fieldsOf lists the fields of a struct type that JSON can hold.
func fieldsOf(t reflect.Type) []field {
	if fields, ok := fieldCache.Load(t); ok {
		return fields.([]field)
	}
	var fields []field
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		if name != "" && name != "-" {
			fields = append(fields, field{name, i})
		}
	}
	fieldCache.Store(t, fields)
	return fields
}
