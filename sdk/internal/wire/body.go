package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// decodeBody decodes a caller's canonical body. Mistakes are the caller's:
// CodeInvalidRequest, with the field and what it must be.
func decodeBody(body []byte, v any) error {
	if len(bytes.TrimSpace(body)) == 0 {
		return invalid("", "the body is empty; it must be a JSON object")
	}
	err := json.Unmarshal(body, v)
	if err == nil {
		return nil
	}
	var syntax *json.SyntaxError
	var wrong *json.UnmarshalTypeError
	var own interface {
		Field() string
		Unwrap() error
	}
	switch {
	case errors.As(err, &syntax):
		return invalid("", "the body is not valid JSON: %v (at byte %d)", syntax, syntax.Offset)
	case errors.As(err, &wrong) && wrong.Field == "":
		return invalid("", "the body must be a JSON object, not %s", article(wrong.Value))
	case errors.As(err, &wrong):
		return invalid(wrong.Field, "field %q must be %s, not %s", wrong.Field, jsonKind(wrong.Type), article(wrong.Value))
	case errors.As(err, &own):
		return invalid(own.Field(), "field %q %v", own.Field(), own.Unwrap())
	default:
		return invalid("", "the body cannot be understood: %v", err)
	}
}

func missingField(name string) error {
	return invalid(name, "field %q is required", name)
}

func invalid(param, format string, args ...any) error {
	e := provider.Errorf(provider.CodeInvalidRequest, format, args...)
	e.Param, e.Source = param, provider.SourceCaller
	return e
}

// jsonKind is the JSON word for what decodes into a Go type.
func jsonKind(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "a string"
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.Map, reflect.Struct, reflect.Pointer:
		return "an object"
	case reflect.Float32, reflect.Float64:
		return "a number"
	default:
		return "a whole number"
	}
}

// article names a JSON value as encoding/json calls it: "string", "number 1.5".
func article(value string) string {
	switch value {
	case "array":
		return "a list"
	case "object":
		return "an object"
	case "bool":
		return "true or false"
	default:
		if number, ok := strings.CutPrefix(value, "number "); ok {
			return number
		}
		return "a " + value
	}
}
