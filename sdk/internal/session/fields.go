package session

import (
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// fields walks over the fields of an encoded message. What it hands out lies in
// the message's memory.
type fields struct {
	rest []byte
	tag  uint64 // number and type of the field
	num  uint64 // the field's value, if it is a varint
	data []byte // the field's value, if it has a length
	fail error
}

// The tags that are looked for are written as a field's number and one of these.
const (
	varint = uint64(protowire.VarintType)
	length = uint64(protowire.BytesType)
)

// next goes to the next field. It reports false at the end and at a mistake.
func (f *fields) next() bool {
	if len(f.rest) == 0 || f.fail != nil {
		return false
	}
	if f.tag = f.varint(); f.fail != nil {
		return false
	}
	number := f.tag >> 3
	if number < uint64(protowire.MinValidNumber) || number > uint64(protowire.MaxValidNumber) {
		f.fail = errMalformed
		return false
	}
	switch protowire.Type(f.tag & 7) {
	case protowire.VarintType:
		f.num = f.varint()
	case protowire.BytesType:
		n := f.varint()
		if n > uint64(len(f.rest)) {
			f.fail = errMalformed
			return false
		}
		f.data, f.rest = f.rest[:n:n], f.rest[n:]
	default: // of a type that no field of ours has
		n := protowire.ConsumeFieldValue(protowire.Number(number), protowire.Type(f.tag&7), f.rest)
		if n < 0 {
			f.fail = errMalformed
			return false
		}
		f.rest = f.rest[n:]
	}
	return f.fail == nil
}

func (f *fields) varint() uint64 {
	if len(f.rest) > 0 && f.rest[0] < 0x80 { // most are short
		v := f.rest[0]
		f.rest = f.rest[1:]
		return uint64(v)
	}
	v, n := protowire.ConsumeVarint(f.rest)
	if n < 0 {
		f.fail = errMalformed
		return 0
	}
	f.rest = f.rest[n:]
	return v
}

// err is the mistake that ended the walk, nil if there was none.
func (f *fields) err() error { return f.fail }

// string copies the field's value. Texts are UTF-8 in protobuf.
func (f *fields) string() string {
	if !f.text() {
		return ""
	}
	return string(f.data)
}

// name is [fields.string] for values that come again and again.
func (f *fields) name(names *interner) string {
	if !f.text() {
		return ""
	}
	return names.get(f.data)
}

func (f *fields) text() bool {
	if !utf8.Valid(f.data) {
		f.fail = errMalformed
		return false
	}
	return true
}

// message decodes the field's value with decode.
func (f *fields) message(err error) {
	if err != nil {
		f.fail = err
	}
}

// duration is a google.protobuf.Duration in decoding: its two fields can come
// apart.
type duration struct {
	seconds int64
	nanos   int32
}

func (d *duration) decode(message []byte) error {
	f := fields{rest: message}
	for f.next() {
		switch f.tag {
		case 1<<3 | varint:
			d.seconds = int64(f.num)
		case 2<<3 | varint:
			d.nanos = int32(f.num)
		}
	}
	return f.err()
}

// value is the duration, or the nearest that Go can express.
func (d duration) value() time.Duration {
	const limit = int64(time.Duration(1<<63-1) / time.Second)
	switch {
	case d.seconds > limit:
		return 1<<63 - 1
	case d.seconds < -limit:
		return -1 << 63
	}
	whole := time.Duration(d.seconds) * time.Second
	sum := whole + time.Duration(d.nanos)
	switch {
	case whole > 0 && d.nanos > 0 && sum < 0:
		return 1<<63 - 1
	case whole < 0 && d.nanos < 0 && sum > 0:
		return -1 << 63
	}
	return sum
}

// pair decodes an entry of a map of texts.
func pair(message []byte, names *interner) (key, value string, err error) {
	f := fields{rest: message}
	for f.next() {
		switch f.tag {
		case 1<<3 | length:
			key = f.name(names)
		case 2<<3 | length:
			value = f.string()
		}
	}
	return key, value, f.err()
}
