package peek

import (
	"encoding/json"
	"unicode/utf8"
)

// Facts are what the host wants to know about a request's body.
type Facts struct {
	// Model is the field "model", "" if it is absent.
	Model string
	// Stream is the field "stream".
	Stream bool
	// IncludeUsage is "include_usage" in "stream_options".
	IncludeUsage bool
	// EncodingFormat is the field "encoding_format", "" if it is absent.
	EncodingFormat string
	// HasInput is true if "input" is there and not null.
	HasInput bool

	// mistyped holds, per field, the complaint about its last occurrence.
	mistyped [fieldCount]*TypeError
	body     *TypeError
}

// The fields that can be of the wrong type, in the order of complaint.
const (
	fieldModel = iota
	fieldStream
	fieldStreamOptions
	fieldIncludeUsage
	fieldEncodingFormat
	fieldCount
)

// Check returns the first field of the wrong type as a [*TypeError], nil if
// there is none. Bodies of operations that only a provider knows may use the
// names for something else; for them Check need not be called.
func (f *Facts) Check() error {
	if f.body != nil {
		return f.body
	}
	for _, err := range f.mistyped {
		if err != nil {
			return err
		}
	}
	return nil
}

// Object reports whether the body is a JSON object.
func (f *Facts) Object() bool { return f.body == nil }

// Request validates body as JSON and extracts its facts. The error is a
// [*SyntaxError]. Fields of the wrong type are kept for [Facts.Check] and count
// as absent.
func Request(body []byte) (Facts, error) {
	var f Facts
	s := scanner{data: body}
	if c := s.peek(); c != '{' {
		start := s.pos
		if err := s.skip(0); err != nil {
			return f, err
		}
		f.body = &TypeError{Found: describe(c), Allowed: "a JSON object", Offset: start}
	} else if err := f.object(&s); err != nil {
		return f, err
	}
	if err := s.end(); err != nil {
		return f, err
	}
	return f, nil
}

// object consumes the request's object.
func (f *Facts) object(s *scanner) *SyntaxError {
	s.pos++
	for first := true; ; first = false {
		name, more, err := s.member(first)
		if err != nil || !more {
			return err
		}
		if err := f.field(s, s.text(name)); err != nil {
			return err
		}
	}
}

// field consumes one field of the request's object.
func (f *Facts) field(s *scanner, key []byte) (err *SyntaxError) {
	switch string(key) {
	case "model":
		f.Model, f.mistyped[fieldModel], err = s.stringField("model")
	case "stream":
		f.Stream, f.mistyped[fieldStream], err = s.boolField("stream")
	case "stream_options":
		return f.streamOptions(s)
	case "encoding_format":
		f.EncodingFormat, f.mistyped[fieldEncodingFormat], err = s.stringField("encoding_format")
	case "input":
		f.HasInput = s.peek() != 'n'
		return s.skip(1)
	default:
		return s.skip(1)
	}
	return err
}

// streamOptions consumes the value of "stream_options".
func (f *Facts) streamOptions(s *scanner) *SyntaxError {
	f.IncludeUsage = false
	f.mistyped[fieldStreamOptions], f.mistyped[fieldIncludeUsage] = nil, nil
	if c := s.peek(); c != '{' {
		start := s.pos
		if err := s.skip(1); err != nil {
			return err
		}
		if c != 'n' {
			f.mistyped[fieldStreamOptions] = &TypeError{"stream_options", describe(c), "an object", start}
		}
		return nil
	}
	s.pos++
	for first := true; ; first = false {
		name, more, err := s.member(first)
		if err != nil || !more {
			return err
		}
		if string(s.text(name)) != "include_usage" {
			err = s.skip(2)
		} else {
			f.IncludeUsage, f.mistyped[fieldIncludeUsage], err = s.boolField("stream_options.include_usage")
		}
		if err != nil {
			return err
		}
	}
}

// stringField consumes a value that must be a string or null.
func (s *scanner) stringField(name string) (string, *TypeError, *SyntaxError) {
	start, c := s.pos, s.peek()
	if c == '"' {
		value, err := s.str()
		if err != nil {
			return "", nil, err
		}
		return known(s.text(value)), nil, nil
	}
	if err := s.skip(1); err != nil || c == 'n' {
		return "", nil, err
	}
	return "", &TypeError{name, describe(c), "a string", start}, nil
}

// boolField consumes a value that must be true, false or null.
func (s *scanner) boolField(name string) (bool, *TypeError, *SyntaxError) {
	start, c := s.pos, s.peek()
	if err := s.skip(2); err != nil || c == 'n' {
		return false, nil, err
	}
	if c != 't' && c != 'f' {
		return false, &TypeError{name, describe(c), "true or false", start}, nil
	}
	return c == 't', nil, nil
}

// text returns the decoded content of a string. It shares memory with the body
// unless the string has escapes or invalid UTF-8, which are decoded the way
// encoding/json does it.
func (s *scanner) text(sp span) []byte {
	raw := s.data[sp.start+1 : sp.end-1]
	for _, c := range raw {
		if c == '\\' || c >= utf8.RuneSelf {
			return unquote(s.data[sp.start:sp.end])
		}
	}
	return raw
}

func unquote(quoted []byte) []byte {
	var text string
	if json.Unmarshal(quoted, &text) != nil {
		return quoted
	}
	return []byte(text)
}

// known returns b as a string, without a copy for the usual words.
func known(b []byte) string {
	switch string(b) {
	case "float":
		return "float"
	case "base64":
		return "base64"
	default:
		return string(b)
	}
}
