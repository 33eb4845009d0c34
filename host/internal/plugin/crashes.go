package plugin

import (
	"slices"
	"time"
)

const (
	// maxCrashes within crashWindow put a provider into quarantine: then it is
	// started only every quarantineTime, or when the operator says so. A start
	// that fails counts as a crash.
	maxCrashes     = 5
	crashWindow    = 10 * time.Minute
	quarantineTime = 5 * time.Minute
)

// crashes is the history of a provider's crashes. It is the provider's, not a
// process's: one that is lost with the process would never fill up.
type crashes struct {
	times []time.Time // within crashWindow, oldest first
}

// add notes a crash and reports whether the provider goes into quarantine.
func (c *crashes) add(now time.Time) bool {
	c.times = append(c.times, now)
	return c.count(now) >= maxCrashes
}

// count is the number of crashes within the window.
func (c *crashes) count(now time.Time) int {
	c.times = slices.DeleteFunc(c.times, func(t time.Time) bool { return now.Sub(t) > crashWindow })
	return len(c.times)
}

// forget is for a new binary or configuration: its predecessor's crashes say
// nothing about it.
func (c *crashes) forget() { c.times = nil }
