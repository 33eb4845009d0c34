package rest

import (
	"net/http"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
)

func TestRetryAfterIsReadInThreeFormsAndNonsenseIsIgnored(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	tests := map[string]struct {
		ms, after string
		want      time.Duration
	}{
		"nothing":                         {},
		"milliseconds":                    {ms: "1500", want: 1500 * time.Millisecond},
		"milliseconds with a fraction":    {ms: "0.5", want: 500 * time.Microsecond},
		"milliseconds go before seconds":  {ms: "20", after: "9", want: 20 * time.Millisecond},
		"bad milliseconds, good seconds":  {ms: "x", after: "9", want: 9 * time.Second},
		"seconds":                         {after: "30", want: 30 * time.Second},
		"seconds with space":              {after: " 30 ", want: 30 * time.Second},
		"seconds with a fraction":         {after: "1.5", want: 1500 * time.Millisecond},
		"seconds with an exponent":        {after: "1e2", want: 100 * time.Second},
		"RFC 1123 date":                   {after: "Sun, 01 Mar 2026 12:00:45 GMT", want: 45 * time.Second},
		"RFC 850 date":                    {after: "Sunday, 01-Mar-26 12:01:00 GMT", want: time.Minute},
		"ANSI C date":                     {after: "Sun Mar  1 12:00:05 2026", want: 5 * time.Second},
		"a date in the past":              {after: "Sun, 01 Mar 2026 11:59:59 GMT"},
		"now":                             {after: "Sun, 01 Mar 2026 12:00:00 GMT"},
		"a date very far away":            {after: "Sun, 01 Mar 2499 12:00:00 GMT", want: maxRetryAfter},
		"zero":                            {after: "0"},
		"negative":                        {after: "-5"},
		"negative milliseconds":           {ms: "-5"},
		"NaN":                             {after: "NaN"},
		"infinite":                        {after: "Inf"},
		"too large for a float":           {after: "1e309", want: maxRetryAfter},
		"too large for a duration":        {after: "1e300", want: maxRetryAfter},
		"hexadecimal":                     {after: "0x10"},
		"digits with underscores":         {after: "1_0"},
		"words":                           {after: "soon"},
		"several numbers":                 {after: "1, 2"},
		"only an exponent":                {after: "e5"},
		"so small that nothing is left":   {after: "1e-12"},
		"a positive exponent with a sign": {after: "1e+1", want: 10 * time.Second},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := http.Header{}
			if tt.ms != "" {
				h.Set("retry-after-ms", tt.ms)
			}
			if tt.after != "" {
				h.Set("retry-after", tt.after)
			}
			if got := RetryAfter(h, now); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestRetryHintReadsTheServicesWord(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]provider.RetryHint{
		"": provider.RetryUnspecified, "true": provider.RetryAlways, "True": provider.RetryAlways,
		"false": provider.RetryNever, "maybe": provider.RetryUnspecified,
	} {
		if got := RetryHint(http.Header{"X-Should-Retry": {text}}); got != want {
			t.Errorf("x-should-retry %q: got %v, want %v", text, got, want)
		}
	}
}

func TestRequestIDIsFoundUnderItsNames(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"x-request-id", "request-id", "x-amz-request-id"} {
		h := http.Header{}
		h.Set(name, "req_1")
		if got := RequestID(h); got != "req_1" {
			t.Errorf("%s: got %q", name, got)
		}
	}
	if got := RequestID(http.Header{}); got != "" {
		t.Errorf("got %q without a header", got)
	}
}

func FuzzRetryAfter(f *testing.F) {
	for _, seed := range []string{"1", "1.5", "NaN", "-1", "1e309", "Sun, 01 Mar 2026 12:00:45 GMT", "0x1p-2"} {
		f.Add(seed, seed)
	}
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, ms, after string) {
		d := RetryAfter(http.Header{"Retry-After-Ms": {ms}, "Retry-After": {after}}, now)
		if d < 0 || d > maxRetryAfter {
			t.Fatalf("got %v for %q and %q", d, ms, after)
		}
	})
}
