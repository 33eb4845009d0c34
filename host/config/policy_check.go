package config

import (
	"fmt"
	"strconv"
	"time"

	"github.com/backplane-dev/backplane/sdk/schema"
)

// check reports settings that are right each by itself but make no sense
// together. Paths are those of the provider and endpoint blocks.
func (p *Policy) check() []schema.Diagnostic {
	var c checks
	q, r := &p.Queue, &p.Retry
	c.atMost("queue.target", q.Target, "interval", q.Interval, "A queue counts as overloaded after interval, and must not do so before anybody can have waited for target.")
	if r.Max > 0 && p.Timeout > 0 && r.InitialDelay >= p.Timeout {
		c.add("retry.initial_delay", "Retries without effect",
			"The first retry would come after %s, when the timeout of %s is over. Write a shorter initial_delay, a longer timeout, or max = 0.",
			schema.FormatDuration(r.InitialDelay), schema.FormatDuration(p.Timeout))
	} else {
		c.atMost("retry.initial_delay", r.InitialDelay, "max_delay", r.MaxDelay, "No wait is longer than max_delay.")
	}
	c.adapt(p)
	c.hedge(p)
	c.models(p.Limits.Models)
	return c
}

// checks collects mistakes.
type checks []schema.Diagnostic

func (c *checks) add(path, summary, format string, args ...any) {
	*c = append(*c, schema.Diagnostic{Path: path, Summary: summary, Detail: fmt.Sprintf(format, args...)})
}

// atMost checks the order of two durations of a block. 0 stands for a default
// or for no bound and is in order with all.
func (c *checks) atMost(path string, low time.Duration, highName string, high time.Duration, why string) {
	if low > 0 && high > 0 && low > high {
		c.add(path, "Values out of order", "%s is %s, longer than %s, which is %s. %s",
			path, schema.FormatDuration(low), highName, schema.FormatDuration(high), why)
	}
}

func (c *checks) adapt(p *Policy) {
	a := &p.Adapt
	if a.Min > a.Max {
		c.add("adapt.min", "Values out of order", "adapt.min is %d, more than max, which is %d. The limit moves between the two.", a.Min, a.Max)
	}
	if a.Enabled && p.Queue.MaxConcurrent == 0 {
		c.add("adapt.enabled", "Nowhere to begin",
			"The limit that adapt moves begins at queue.max_concurrent, but that is 0, no limit. Write a number from %d to %d there.", a.Min, a.Max)
	}
}

func (c *checks) hedge(p *Policy) {
	h := &p.Hedge
	if !h.Enabled {
		return
	}
	limits := []struct {
		name  string
		limit time.Duration
	}{{"timeout", p.Timeout}, {"attempt_timeout", p.AttemptTimeout}}
	for _, l := range limits {
		if l.limit > 0 && h.MinDelay >= l.limit {
			c.add("hedge.min_delay", "Hedging without effect",
				"The second attempt would come after %s at the earliest, when the %s of %s is over. Write a shorter min_delay.",
				schema.FormatDuration(h.MinDelay), l.name, schema.FormatDuration(l.limit))
			return
		}
	}
}

func (c *checks) models(models []ModelLimits) {
	first := make(map[string]bool, len(models))
	for i, m := range models {
		path := "limits.model[" + strconv.Itoa(i) + "]"
		switch {
		case first[m.Name]:
			c.add(path+".name", "Duplicate model", "There is a block for the model %q already; the first one counts. Remove one of them.", m.Name)
		case m.RequestsPerMinute == 0 && m.TokensPerMinute == 0:
			c.add(path, "Limit without a rate", "The block of the model %q bounds nothing. Write requests_per_minute or tokens_per_minute.", m.Name)
		}
		first[m.Name] = true
	}
}

// checkPolicy reports what is wrong with a block's policy at its places in the
// file. What it inherits from a block with the same mistakes was reported there.
func (f *File) checkPolicy(s *section, p, inherited *Policy) {
	known := make(map[schema.Diagnostic]bool)
	for _, d := range inherited.check() {
		known[d] = true
	}
	for _, d := range p.check() {
		if !known[d] && s.raw != nil {
			f.judge(s, d.Path, d)
		}
	}
}
