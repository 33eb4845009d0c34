package api

import (
	"math/rand/v2"
	"strconv"
	"testing"
	"time"
)

// Milliseconds read as strconv writes them in full.
func TestMillisecondsHaveNoDecimalsThatSayNothing(t *testing.T) {
	t.Parallel()
	for i := range 20_000 {
		d := time.Duration(i) * time.Microsecond
		if i >= 10_000 {
			d = time.Duration(rand.Int64N(int64(100 * time.Hour)))
		}
		want := strconv.FormatFloat(float64(d.Microseconds())/1000, 'f', -1, 64)
		if got := string(appendMillis(nil, d)); got != want {
			t.Fatalf("%v is written as %q, want %q", d, got, want)
		}
	}
}
