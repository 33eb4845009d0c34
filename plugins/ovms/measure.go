package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// kindOf tells JSON values apart by their first byte: '{', '[', '"', 't' for
// both booleans, 'n' for null and '0' for numbers.
func kindOf(raw json.RawMessage) byte {
	raw = bytes.TrimLeft(raw, " \t\r\n")
	if len(raw) == 0 {
		return 'n'
	}
	switch c := raw[0]; c {
	case '{', '[', '"', 't', 'n':
		return c
	case 'f':
		return 't'
	default:
		return '0'
	}
}

var (
	errMixed  = errors.New("the data mix numbers, texts and booleans")
	errRagged = errors.New("the data have rows of different lengths")
)

// measure returns the lengths of nested lists, outermost first, and the kind of
// the values in them. It reads the data once, piece by piece.
func measure(data json.RawMessage) (shape []int, kind byte, err error) {
	m := measurer{dec: json.NewDecoder(bytes.NewReader(data))}
	m.dec.UseNumber()
	if err := m.value(0); err != nil {
		return nil, 0, err
	}
	return m.shape, m.kind, nil
}

// measurer reads data. What it found first all the rest must repeat.
type measurer struct {
	dec   *json.Decoder
	shape []int
	kind  byte
	leaf  int // depth of the values, 0 before the first
}

func (m *measurer) value(depth int) error {
	token, err := m.dec.Token()
	if err != nil {
		return fmt.Errorf("the data are not JSON: %w", err)
	}
	switch v := token.(type) {
	case json.Delim:
		if v == '[' {
			return m.list(depth)
		}
		return errors.New("the data hold an object; give a tensor of its own for each field")
	case nil:
		return errors.New("the data hold null")
	case string:
		return m.scalar(depth, '"')
	case bool:
		return m.scalar(depth, 't')
	default:
		return m.scalar(depth, '0')
	}
}

// list reads the items of a list and compares their number.
func (m *measurer) list(depth int) error {
	if m.leaf > 0 && depth >= m.leaf {
		return errRagged
	}
	if len(m.shape) == depth {
		m.shape = append(m.shape, -1)
	}
	n := 0
	for ; m.dec.More(); n++ {
		if err := m.value(depth + 1); err != nil {
			return err
		}
	}
	if _, err := m.dec.Token(); err != nil { // the bracket
		return fmt.Errorf("the data are not JSON: %w", err)
	}
	switch {
	case m.shape[depth] < 0:
		m.shape[depth] = n
	case m.shape[depth] != n:
		return errRagged
	}
	if slices.Contains(m.shape[:depth+1], 0) {
		return errors.New("the data have an empty list; give the tensor's shape and datatype")
	}
	return nil
}

func (m *measurer) scalar(depth int, kind byte) error {
	switch {
	case m.leaf == 0:
		m.leaf, m.kind = depth, kind
	case m.leaf != depth:
		return errRagged
	case m.kind != kind:
		return errMixed
	}
	return nil
}

// encoded is JSON of what always encodes: texts and numbers.
func encoded(v any) json.RawMessage {
	data, err := json.Marshal(v)
	if err != nil {
		return json.RawMessage("null")
	}
	return data
}
