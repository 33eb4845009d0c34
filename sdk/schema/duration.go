package schema

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// DurationValue is what a setting of type [Duration] decodes into: a span of
// time that reads and writes as text with a unit ("1m30s", "250ms"). It is
// never negative. Convert it with time.Duration(v).
type DurationValue time.Duration

// ParseDuration reads a duration with units: ns, us, ms, s, m, h, as in "1m30s".
// A bare number other than 0 is refused, since nobody can tell whether seconds
// or milliseconds were meant; the error says what to write. So are negative
// durations.
func ParseDuration(text string) (time.Duration, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return 0, errors.New(`a duration is empty; write a number with a unit, for example "30s"`)
	}
	if _, err := strconv.ParseFloat(text, 64); err == nil && text != "0" {
		return 0, fmt.Errorf(`duration %q has no unit; write it with a unit, for example %q`, text, text+"s")
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf(`%q is not a duration; write a number with a unit (ms, s, m, h), for example "30s" or "1m30s"`, text)
	}
	if d < 0 {
		return 0, fmt.Errorf("duration %q is negative; write 0s or more", text)
	}
	return d, nil
}

// String writes the duration in the shortest form that [ParseDuration] reads
// back: "1m", not "1m0s".
func (d DurationValue) String() string { return FormatDuration(time.Duration(d)) }

// FormatDuration is [DurationValue.String] for a plain duration.
func FormatDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// MarshalText writes the duration with its unit.
func (d DurationValue) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what [ParseDuration] reads.
func (d *DurationValue) UnmarshalText(text []byte) error {
	v, err := ParseDuration(string(text))
	if err != nil {
		return err
	}
	*d = DurationValue(v)
	return nil
}

// UnmarshalJSON reads a JSON string with a unit. null leaves the value alone.
func (d *DurationValue) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		return nil
	}
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return fmt.Errorf(`a duration is a string with a unit, for example "30s", not %s`, data)
	}
	return d.UnmarshalText([]byte(text))
}

// formatSeconds writes a bound given in seconds.
func formatSeconds(s float64) string {
	return FormatDuration(time.Duration(math.Round(s * float64(time.Second))))
}
