package schema

import (
	"fmt"
	"strconv"
	"strings"
)

// bounds checks a number, or a length, against Min and Max.
func (c *checker) bounds(a Attribute, v float64, path string) {
	low, high := a.Min != nil && v < *a.Min, a.Max != nil && v > *a.Max
	if !low && !high {
		return
	}
	var limits []string
	if a.Min != nil {
		limits = append(limits, "at least "+a.quantity(*a.Min))
	}
	if a.Max != nil {
		limits = append(limits, "at most "+a.quantity(*a.Max))
	}
	verb := "be"
	if a.Type == String || a.Type == StringList || a.Type == StringMap {
		verb = "have"
	}
	text := fmt.Sprintf("%q must %s %s", a.Name, verb, strings.Join(limits, " and "))
	if !a.Sensitive {
		text += ", but " + map[string]string{"be": "is ", "have": "has "}[verb] + a.quantity(v)
	}
	c.errorf(path, "Value out of bounds", "%s.", text)
}

// quantity writes a number in the unit of the attribute's type.
func (a Attribute) quantity(v float64) string {
	plain := strconv.FormatFloat(v, 'f', -1, 64)
	switch a.Type {
	case Duration:
		return formatSeconds(v)
	case Size:
		return FormatSize(int64(v))
	case String:
		return plural(plain, "character")
	case StringList, StringMap:
		return plural(plain, "element")
	default:
		return plain
	}
}

func plural(n, word string) string {
	if n == "1" {
		return n + " " + word
	}
	return n + " " + word + "s"
}
