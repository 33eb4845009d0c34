package schema

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// value checks one given value of an attribute and returns it in canonical
// form. Types that this version does not know pass unchecked: the plugin that
// declared them checks once more.
func (c *checker) value(a Attribute, v any, path string) any {
	switch a.Type {
	case String:
		return c.str(a, v, path)
	case Bool:
		if _, ok := v.(bool); !ok {
			c.wrongType(a, v, path)
		}
	case Int, Number:
		return c.number(a, v, path)
	case Duration:
		return c.duration(a, v, path)
	case Size:
		return c.size(a, v, path)
	case StringList:
		return c.list(a, v, path)
	case StringMap:
		return c.strMap(a, v, path)
	}
	return v
}

func (c *checker) str(a Attribute, v any, path string) any {
	s, ok := v.(string)
	if !ok {
		c.wrongType(a, v, path)
		return v
	}
	c.bounds(a, float64(utf8.RuneCountInString(s)), path)
	if len(a.OneOf) > 0 && !slices.Contains(a.OneOf, s) {
		text := fmt.Sprintf("%q must be one of %s%s.", a.Name, strings.Join(quoteAll(a.OneOf), ", "), butIs(a, strconv.Quote(s)))
		if near := Nearest(s, a.OneOf); near != "" && !a.Sensitive {
			text += fmt.Sprintf(" Did you mean %q?", near)
		}
		c.errorf(path, "Value not allowed", "%s", text)
	}
	if !a.matches(s) {
		c.errorf(path, "Value not allowed", "%q must match the pattern %s%s.", a.Name, a.Pattern, butIs(a, strconv.Quote(s)))
	}
	return s
}

// matches reports whether s keeps the pattern. A pattern that does not compile
// binds nobody: [Object.Validate] tells its author.
func (a Attribute) matches(s string) bool {
	if a.Pattern == "" {
		return true
	}
	re, err := compile(a.Pattern)
	return err != nil || re.MatchString(s)
}

// compile anchors a pattern at both ends.
func compile(pattern string) (*regexp.Regexp, error) {
	return regexp.Compile(`^(?:` + pattern + `)$`)
}

func (c *checker) number(a Attribute, v any, path string) any {
	n, ok := v.(json.Number)
	if !ok {
		c.wrongType(a, v, path)
		return v
	}
	f, _, err := big.ParseFloat(n.String(), 10, 128, big.ToNearestEven)
	if err != nil {
		c.wrongType(a, v, path)
		return v
	}
	approx, _ := f.Float64()
	if math.IsInf(approx, 0) {
		c.errorf(path, "Value out of bounds", "%q is too large for a number.", a.Name)
		return v
	}
	if a.Type == Number {
		c.bounds(a, approx, path)
		return v
	}
	i, accuracy := f.Int64()
	if accuracy != big.Exact && f.IsInt() {
		c.errorf(path, "Value out of bounds", "%q is too large for a whole number.", a.Name)
		return v
	}
	if accuracy != big.Exact {
		c.errorf(path, "Wrong type", "%q must be a whole number%s.", a.Name, butIs(a, n.String()))
		return v
	}
	c.bounds(a, approx, path)
	return i
}

func (c *checker) duration(a Attribute, v any, path string) any {
	s, ok := v.(string)
	if !ok {
		c.wrongType(a, v, path)
		return v
	}
	d, err := ParseDuration(s)
	if err != nil {
		c.errorf(path, "Invalid duration", "%s", a.explain(err, `a duration with a unit, for example "30s"`))
		return v
	}
	c.bounds(a, d.Seconds(), path)
	return s
}

func (c *checker) size(a Attribute, v any, path string) any {
	var text string
	switch v := v.(type) {
	case string:
		text = v
	case json.Number:
		text = v.String()
	default:
		c.wrongType(a, v, path)
		return v
	}
	n, err := ParseSize(text)
	if err != nil {
		c.errorf(path, "Invalid size", "%s", a.explain(err, `a size with a unit, for example "16MiB"`))
		return v
	}
	c.bounds(a, float64(n), path)
	return v
}

func (c *checker) list(a Attribute, v any, path string) any {
	items, ok := v.([]any)
	if !ok {
		c.wrongType(a, v, path)
		return v
	}
	for i, item := range items {
		if _, ok := item.(string); !ok {
			c.errorf(path+"["+strconv.Itoa(i)+"]", "Wrong type",
				"The elements of %q must be strings in quotes, but %s was given.", a.Name, kindOf(item))
		}
	}
	c.bounds(a, float64(len(items)), path)
	return items
}

func (c *checker) strMap(a Attribute, v any, path string) any {
	m, ok := v.(map[string]any)
	if !ok {
		c.wrongType(a, v, path)
		return v
	}
	for _, key := range slices.Sorted(maps.Keys(m)) {
		if _, ok := m[key].(string); !ok {
			c.errorf(path+"["+strconv.Quote(key)+"]", "Wrong type",
				"The values of %q must be strings in quotes, but %s was given.", a.Name, kindOf(m[key]))
		}
	}
	c.bounds(a, float64(len(m)), path)
	return m
}
