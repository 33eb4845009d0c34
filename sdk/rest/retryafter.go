package rest

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// maxRetryAfter bounds what is believed of a service's wish to wait.
const maxRetryAfter = 365 * 24 * time.Hour

// RetryAfter returns how long a service asks to wait, 0 if it does not say so
// in a form that makes sense. It reads, in this order, retry-after-ms
// (milliseconds), retry-after in seconds, both with fractions, and retry-after
// as an HTTP date. Values that are not a number, negative, infinite or in the
// past are ignored; longer than a year counts as a year.
func RetryAfter(h http.Header, now time.Time) time.Duration {
	if d := delay(first(h, "Retry-After-Ms"), time.Millisecond); d > 0 {
		return d
	}
	text := first(h, "Retry-After")
	if d := delay(text, time.Second); d > 0 {
		return d
	}
	date, err := http.ParseTime(text)
	if err != nil || !date.After(now) {
		return 0
	}
	return min(date.Sub(now), maxRetryAfter)
}

// delay reads a decimal number of units.
func delay(text string, unit time.Duration) time.Duration {
	if strings.Trim(text, "0123456789.eE+") != "" { // no Inf, NaN, hex or minus
		return 0
	}
	n, err := strconv.ParseFloat(text, 64)
	if errors.Is(err, strconv.ErrRange) && n > 0 {
		return maxRetryAfter // digits that mean more than a float can hold
	}
	if err != nil || n <= 0 {
		return 0
	}
	if n *= float64(unit); n >= float64(maxRetryAfter) {
		return maxRetryAfter
	}
	return time.Duration(n)
}

// RetryHint reads x-should-retry, a service's explicit word on retrying.
func RetryHint(h http.Header) provider.RetryHint {
	switch strings.ToLower(first(h, "X-Should-Retry")) {
	case "true":
		return provider.RetryAlways
	case "false":
		return provider.RetryNever
	default:
		return provider.RetryUnspecified
	}
}

// requestIDs are the headers in which services return their own request id.
var requestIDs = []string{"X-Request-Id", "Request-Id", "X-Amzn-Requestid", "X-Amz-Request-Id", "Apim-Request-Id"}

// RequestID returns the service's own id for a request, "" if it gave none.
func RequestID(h http.Header) string {
	for _, name := range requestIDs {
		if id := first(h, name); id != "" {
			return id
		}
	}
	return ""
}

// first returns the header's first value without surrounding space. The name
// must be in canonical form.
func first(h http.Header, name string) string {
	if v := h[name]; len(v) > 0 {
		return strings.TrimSpace(v[0])
	}
	return ""
}
