package schema_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/sdk/schema"
)

func TestDurationsAreReadWithUnitsAndWrittenShort(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"1m30s": "1m30s", "60s": "1m", "250ms": "250ms", "2h": "2h", "1h0m5s": "1h0m5s", "90m": "1h30m", "0": "0s", " 1.5s ": "1.5s",
	} {
		d, err := schema.ParseDuration(text)
		if err != nil || schema.FormatDuration(d) != want {
			t.Errorf("%q: got %s, %v, want %s", text, schema.FormatDuration(d), err, want)
		}
	}
	for text, want := range map[string]string{
		"60": `write it with a unit, for example "60s"`, "1.5": `for example "1.5s"`, "": "is empty", "-1s": "is negative",
		"1 day": "is not a duration", "1d": "is not a duration", "99999999h": "is not a duration",
	} {
		if d, err := schema.ParseDuration(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %s, %v, want an error with %q", text, d, err, want)
		}
	}
}

func TestSizesAreReadWithUnitsAndWrittenExactly(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"16MiB": "16MiB", "1GB": "1GB", "1024": "1KiB", "1500": "1500B", "0": "0B", "1.5 KiB": "1536B", "64mib": "64MiB", "2000kb": "2MB",
	} {
		n, err := schema.ParseSize(text)
		if err != nil || schema.FormatSize(n) != want {
			t.Errorf("%q: got %s, %v, want %s", text, schema.FormatSize(n), err, want)
		}
	}
	for text, want := range map[string]string{
		"16M": `unknown unit "M"`, "MiB": "is not a size", "": "is not a size", "-1KB": "is negative", "0.5": "whole number of bytes",
		"1e30": "too large", "9000000TiB": "too large", "NaN": "is not a size", "Inf": "is not a size", "5 %": "is not a size",
	} {
		if n, err := schema.ParseSize(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %d, %v, want an error with %q", text, n, err, want)
		}
	}
}

func TestSettingsDecodeIntoDurationAndSizeValues(t *testing.T) {
	t.Parallel()
	var v struct {
		Wait schema.DurationValue `json:"wait"`
		Keep schema.DurationValue `json:"keep"`
		Max  schema.SizeValue     `json:"max"`
		Min  schema.SizeValue     `json:"min"`
	}
	v.Keep = 7
	if err := json.Unmarshal([]byte(`{"wait":"1m30s","keep":null,"max":"16MiB","min":512}`), &v); err != nil {
		t.Fatal(err)
	}
	if time.Duration(v.Wait) != 90*time.Second || v.Keep != 7 || v.Max != 16<<20 || v.Min != 512 {
		t.Errorf("got %+v", v)
	}
	v.Keep = 0
	text, err := json.Marshal(v)
	if want := `{"wait":"1m30s","keep":"0s","max":"16MiB","min":"512B"}`; err != nil || string(text) != want {
		t.Errorf("got %s, %v, want %s", text, err, want)
	}
	if err := json.Unmarshal([]byte(`{"wait":60}`), &v); err == nil || !strings.Contains(err.Error(), "a string with a unit") {
		t.Errorf("a bare number as duration: %v", err)
	}
	if err := json.Unmarshal([]byte(`{"max":true}`), &v); err == nil {
		t.Error("a bool was taken as size")
	}
}

func FuzzUnitsSurviveARoundTrip(f *testing.F) {
	for _, s := range []string{"1m30s", "16MiB", "0", "1e3KB", "-5s", "1h0m5s", "9223372036854775807"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if d, err := schema.ParseDuration(text); err == nil {
			if again, err := schema.ParseDuration(schema.FormatDuration(d)); err != nil || again != d {
				t.Errorf("duration %q: %s read back as %s, %v", text, d, again, err)
			}
		}
		if n, err := schema.ParseSize(text); err == nil && n < 1<<53 {
			if again, err := schema.ParseSize(schema.FormatSize(n)); err != nil || again != n {
				t.Errorf("size %q: %d read back as %d, %v", text, n, again, err)
			}
		}
	})
}
