package schema

import (
	"encoding/json"
	"fmt"
	"strconv"
)

// wrongType says what was found and what to write instead.
func (c *checker) wrongType(a Attribute, v any, path string) {
	text := fmt.Sprintf("%q must be %s, but %s was given", a.Name, a.Type.words(), kindOf(v))
	if hint := a.rewrite(v); hint != "" {
		text += "; " + hint
	}
	c.errorf(path, "Wrong type", "%s.", text)
}

// rewrite says how the value given would be written in the attribute's type.
func (a Attribute) rewrite(v any) string {
	n, isNumber := v.(json.Number)
	s, isString := v.(string)
	switch {
	case a.Type == Duration && isNumber && !a.Sensitive:
		return fmt.Sprintf("write it with a unit, for example %q", n.String()+"s")
	case a.Type == String && (isNumber || kindOf(v) == "a bool"):
		return "write it in quotes"
	case (a.Type == Int || a.Type == Number) && isString && isDecimal(s),
		a.Type == Bool && (s == "true" || s == "false"):
		return "write it without quotes"
	default:
		return a.example()
	}
}

func isDecimal(s string) bool {
	_, err := strconv.ParseFloat(s, 64)
	return err == nil
}

// explain is err as a sentence about the attribute; a sensitive value, which
// err quotes, is replaced by what was wanted.
func (a Attribute) explain(err error, want string) string {
	if a.Sensitive {
		return fmt.Sprintf("%q must be %s.", a.Name, want)
	}
	return fmt.Sprintf("%q is wrong: %s.", a.Name, err)
}

// butIs quotes the value that was given, unless it is sensitive.
func butIs(a Attribute, shown string) string {
	if a.Sensitive {
		return ""
	}
	return ", but is " + shown
}

// words names the type with an article.
func (t Type) words() string {
	switch t {
	case String:
		return "a string"
	case Bool:
		return "a bool"
	case Int:
		return "a whole number"
	case Number:
		return "a number"
	case Duration:
		return "a duration"
	case Size:
		return "a size"
	case StringList:
		return "a list of strings"
	case StringMap:
		return "a map of strings"
	default:
		return string(t)
	}
}

// kindOf names the kind of a decoded JSON value with an article.
func kindOf(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "a bool"
	case json.Number, float64, int64:
		return "a number"
	case string:
		return "a string"
	case []any:
		return "a list"
	default:
		return "an object"
	}
}

// example says how the setting is written.
func (a Attribute) example() string {
	value := map[Type]string{
		String: `"..."`, Bool: "true", Int: "1", Number: "0.5", Duration: `"30s"`, Size: `"16MiB"`,
		StringList: `["..."]`, StringMap: `{ name = "..." }`,
	}[a.Type]
	if a.Type == String && len(a.OneOf) > 0 {
		value = strconv.Quote(a.OneOf[0])
	}
	return fmt.Sprintf("write %s = %s", a.Name, value)
}
