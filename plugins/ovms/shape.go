package main

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
)

// maker makes tensors of data without names, shapes and types.
type maker struct {
	name     string // of the tensor whose data have no name
	datatype string // of numbers
}

// maker takes the request's words for both out of the fields.
func (e *endpoint) maker(fields map[string]json.RawMessage) (maker, error) {
	m := maker{name: e.own.InputName, datatype: e.own.Datatype}
	if raw, ok := fields["input_name"]; ok {
		if m.name = scalar(raw); m.name == "" {
			return m, invalid("input_name", `field "input_name" must be the name of a tensor`)
		}
	}
	if raw, ok := fields["datatype"]; ok {
		if m.datatype = scalar(raw); !slices.Contains(numberTypes, m.datatype) {
			return m, invalid("datatype", `field "datatype" must be one of %q`, numberTypes)
		}
	}
	delete(fields, "input_name")
	delete(fields, "datatype")
	return m, nil
}

// row is one instance: data by the names of their tensors.
type row map[string]json.RawMessage

// rows makes instances of data: an object is one instance, a list of objects
// several; a scalar or a list of scalars is the data of one instance, a list of
// lists those of several.
func (m maker) rows(param string, data json.RawMessage) ([]row, error) {
	switch kindOf(data) {
	case '{':
		one, err := m.named(param, data)
		return []row{one}, err
	case '[':
		return m.several(param, data)
	case 'n':
		return nil, invalid(param, "field %q must not be null", param)
	default:
		return []row{{m.name: bytes.Join([][]byte{{'['}, data, {']'}}, nil)}}, nil
	}
}

func (m maker) several(param string, data json.RawMessage) ([]row, error) {
	var items []json.RawMessage
	if err := json.Unmarshal(data, &items); err != nil {
		return nil, invalid(param, "field %q: %w", param, err)
	}
	if len(items) == 0 {
		return nil, invalid(param, "field %q is empty", param)
	}
	kind := kindOf(items[0])
	if kind != '{' && kind != '[' {
		return []row{{m.name: data}}, nil // what is in it is looked at later
	}
	rows := make([]row, 0, len(items))
	for i, item := range items {
		one := row{m.name: item}
		if kindOf(item) != kind {
			return nil, invalid(param, "field %q: item %d is of another kind than the first", param, i)
		}
		if kind == '{' {
			var err error
			if one, err = m.named(param, item); err != nil {
				return nil, err
			}
		}
		rows = append(rows, one)
	}
	return rows, nil
}

// named reads one instance whose tensors have names.
func (m maker) named(param string, data json.RawMessage) (row, error) {
	var one row
	if err := json.Unmarshal(data, &one); err != nil {
		return nil, invalid(param, "field %q: %w", param, err)
	}
	if len(one) == 0 {
		return nil, invalid(param, "field %q has an object without any tensor", param)
	}
	return one, nil
}

// fromRows makes tensors of data: the instances lie along the first dimension.
func (m maker) fromRows(param string, data json.RawMessage) ([]json.RawMessage, error) {
	rows, err := m.rows(param, data)
	if err != nil {
		return nil, err
	}
	var tensors []json.RawMessage
	for _, name := range slices.Sorted(maps.Keys(rows[0])) {
		column := make([]json.RawMessage, len(rows))
		for i, r := range rows {
			value, ok := r[name]
			if !ok || len(r) != len(rows[0]) {
				return nil, invalid(param, "field %q: item %d names other tensors than the first", param, i)
			}
			column[i] = value
		}
		stacked, err := json.Marshal(column)
		if err != nil {
			return nil, invalid(param, "field %q: %w", param, err)
		}
		one, err := m.tensor(row{"data": stacked}, name)
		if err != nil {
			return nil, err
		}
		tensors = append(tensors, one)
	}
	return tensors, nil
}

// fromInputs completes tensors that were given: what a list of them leaves out
// of type and shape is read from the data, as are the data of an object by name.
func (m maker) fromInputs(inputs json.RawMessage) ([]json.RawMessage, error) {
	var tensors []json.RawMessage
	if kindOf(inputs) == '{' {
		all, err := m.named("inputs", inputs)
		if err != nil {
			return nil, err
		}
		for _, name := range slices.Sorted(maps.Keys(all)) {
			one, err := m.tensor(row{"data": all[name]}, name)
			if err != nil {
				return nil, err
			}
			tensors = append(tensors, one)
		}
		return tensors, nil
	}
	var list []row
	if err := json.Unmarshal(inputs, &list); err != nil || len(list) == 0 {
		return nil, invalid("inputs", `field "inputs" must be a list of tensors, or an object of data by name`)
	}
	for _, given := range list {
		name := scalar(given["name"])
		if name == "" {
			name = m.name
		}
		one, err := m.tensor(given, name)
		if err != nil {
			return nil, err
		}
		tensors = append(tensors, one)
	}
	return tensors, nil
}

// tensor completes one tensor. What was given stays.
func (m maker) tensor(given row, name string) (json.RawMessage, error) {
	data, ok := given["data"]
	if !ok {
		return nil, invalid("inputs", `tensor %q has no "data"; tensors as bytes go through "infer.binary"`, name)
	}
	if kindOf(data) != '[' { // KServe wants a list, always
		data = bytes.Join([][]byte{{'['}, data, {']'}}, nil)
		given["data"] = data
	}
	given["name"] = encoded(name)
	if given["shape"] == nil || given["datatype"] == nil {
		shape, kind, err := measure(data)
		if err != nil {
			return nil, invalid("inputs", "tensor %q: %w", name, err)
		}
		if given["shape"] == nil {
			given["shape"] = encoded(shape)
		}
		if given["datatype"] == nil {
			given["datatype"] = encoded(m.typeOf(kind))
		}
	}
	return json.Marshal(given)
}

// typeOf is the datatype of values of a kind.
func (m maker) typeOf(kind byte) string {
	switch kind {
	case '"':
		return "BYTES"
	case 't':
		return "BOOL"
	default:
		return m.datatype
	}
}
