package schema

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// SizeValue is what a setting of type [Size] decodes into: a number of bytes
// that reads and writes as text with a unit ("16MiB", "1GB"). It is never
// negative. Convert it with int64(v).
type SizeValue int64

// sizeUnits are the units by their upper-case names. Binary units come first,
// so that String prefers them where both are exact.
var sizeUnits = []struct {
	name  string
	bytes int64
}{
	{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10},
	{"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}, {"KB", 1e3}, {"B", 1},
}

// ParseSize reads a number of bytes: a whole number ("1048576"), or a number
// with one of the units B, KB, MB, GB, TB (powers of 1000) and KiB, MiB, GiB,
// TiB (powers of 1024), in any case, with or without a space before the unit.
func ParseSize(text string) (int64, error) {
	trimmed := strings.TrimSpace(text)
	digits := strings.TrimRight(trimmed, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
	unit := trimmed[len(digits):]
	scale, ok := sizeScale(unit)
	n, err := strconv.ParseFloat(strings.TrimSpace(digits), 64)
	switch {
	case err == nil && !ok:
		return 0, fmt.Errorf(`size %q has an unknown unit %q; write B, KB, MB, GB, KiB, MiB or GiB, for example "16MiB"`, text, unit)
	case err != nil || math.IsNaN(n) || math.IsInf(n, 0):
		return 0, fmt.Errorf(`%q is not a size; write a number with a unit, for example "16MiB"`, text)
	case n < 0:
		return 0, fmt.Errorf("size %q is negative; write 0 or more", text)
	}
	bytes := n * float64(scale)
	if bytes >= math.MaxInt64 {
		return 0, fmt.Errorf("size %q is too large; write less than 8388608TiB", text)
	}
	if bytes != math.Trunc(bytes) {
		return 0, fmt.Errorf("size %q is not a whole number of bytes", text)
	}
	return int64(bytes), nil
}

func sizeScale(unit string) (int64, bool) {
	if unit == "" {
		return 1, true
	}
	for _, u := range sizeUnits {
		if strings.EqualFold(u.name, unit) {
			return u.bytes, true
		}
	}
	return 0, false
}

// String writes the size with the largest unit that is exact: "64MiB", "1GB",
// "1500B".
func (s SizeValue) String() string { return FormatSize(int64(s)) }

// FormatSize is [SizeValue.String] for a plain number of bytes.
func FormatSize(bytes int64) string {
	best := sizeUnits[len(sizeUnits)-1]
	for _, u := range sizeUnits {
		if bytes != 0 && bytes%u.bytes == 0 && u.bytes > best.bytes {
			best = u
		}
	}
	return strconv.FormatInt(bytes/best.bytes, 10) + best.name
}

// MarshalText writes the size with its unit.
func (s SizeValue) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what [ParseSize] reads.
func (s *SizeValue) UnmarshalText(text []byte) error {
	n, err := ParseSize(string(text))
	if err != nil {
		return err
	}
	*s = SizeValue(n)
	return nil
}

// UnmarshalJSON reads a JSON string with a unit, or a number of bytes. null
// leaves the value alone.
func (s *SizeValue) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		return nil
	}
	text := string(data)
	if len(data) > 0 && data[0] == '"' {
		if err := json.Unmarshal(data, &text); err != nil {
			return fmt.Errorf("read a size: %w", err)
		}
	}
	return s.UnmarshalText([]byte(text))
}
