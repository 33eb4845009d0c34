package config

import (
	"slices"
	"time"

	"github.com/backplane-dev/backplane/sdk/schema"
)

// policyBlock describes what provider and endpoint blocks share: [Policy].
func policyBlock() schema.Object {
	p := DefaultPolicy()
	return schema.Object{
		Attributes: []schema.Attribute{
			duration("timeout", p.Timeout, "Bound of a whole request, waiting and retries included; of a stream, up to its first chunk; 0s is no limit"),
			duration("attempt_timeout", p.AttemptTimeout, "Bound of one attempt; 0s is what timeout leaves"),
			duration("first_token_timeout", p.FirstTokenTimeout, "Bound of one attempt's wait for a stream's first chunk; 0s is that of the attempt"),
			duration("idle_timeout", p.IdleTimeout, "Bound of the wait between two chunks of a stream; 0s is no limit"),
			duration("connect_timeout", p.ConnectTimeout, "Bound of making a connection to the service; 0s leaves it to the plugin"),
		},
		Blocks: []schema.Block{
			{Name: "queue", Description: "What runs at once and what waits", Object: queueBlock(p.Queue)},
			{Name: "limits", Description: "Rates that are kept so that the service need not refuse", Object: limitsBlock(p.Limits)},
			{Name: "retry", Description: "When a failed request is tried again", Object: retryBlock(p.Retry)},
			{Name: "breaker", Description: "When a failing service is left alone", Object: breakerBlock(p.Breaker)},
			{Name: "adapt", Description: "Finding the number of requests that the service can work on at once", Object: adaptBlock(p.Adapt)},
			{Name: "hedge", Description: "A second attempt when the first is slow", Object: hedgeBlock(p.Hedge)},
			{Name: "stats", Description: "What is kept about requests", Object: schema.Object{Attributes: []schema.Attribute{
				{Name: "recent", Type: schema.Bool, Default: p.Stats.Recent, Description: "Keep the story of recent requests for an hour"},
			}}},
		},
	}
}

func queueBlock(q Queue) schema.Object {
	return schema.Object{Attributes: []schema.Attribute{
		{Name: "enabled", Type: schema.Bool, Default: q.Enabled, Description: "Bound the queue; without it any number of requests may wait"},
		count("size", q.Size, 0, 1_000_000, "Requests that may wait; 0 refuses what cannot run at once"),
		count("max_concurrent", q.MaxConcurrent, 0, 100_000, "Requests that run at once; 0 is no limit"),
		{Name: "max_bytes", Type: schema.Size, Default: schema.FormatSize(q.MaxBytes), Max: schema.Bound(1 << 50),
			Description: "Bound of the bodies of waiting requests; 0 is no limit"},
		{Name: "overload", Type: schema.String, Default: q.Overload, OneOf: []string{OverloadCoDel, OverloadNone},
			Description: `What happens to a queue that never empties: "codel" refuses those that waited longer than target, "none" lets all wait`},
		duration("target", q.Target, "Wait that a queue in overload allows; 0s is the greater of the median time of service and a tenth of timeout"),
		duration("interval", q.Interval, "Time after which a queue that has not been empty counts as overloaded; 0s is five times target"),
	}}
}

func limitsBlock(l Limits) schema.Object {
	rates := []schema.Attribute{
		count("requests_per_minute", l.RequestsPerMinute, 0, 100_000_000, "Requests sent in a minute; 0 is no bound"),
		count("tokens_per_minute", l.TokensPerMinute, 0, 100_000_000_000, "Tokens used in a minute, estimated before and corrected after each request; 0 is no bound"),
	}
	return schema.Object{
		Attributes: append(slices.Clone(rates),
			schema.Attribute{Name: "from_headers", Type: schema.Bool, Default: l.FromHeaders, Description: "Keep to the limits that the service announces in its answers"},
			share("share", l.Share, "This host's part of announced limits, where several hosts use one key"),
			duration("quota_cooldown", l.QuotaCooldown, "Time for which a key without money or allowance left is not used; 0s uses it all the same"),
		),
		Blocks: []schema.Block{
			{Name: "model", Description: "Rates of single models, in addition", Multiple: true, Object: schema.Object{
				Attributes: append([]schema.Attribute{
					{Name: "name", Type: schema.String, Required: true, Min: schema.Bound(1), Description: "A model name, or a pattern with * and ?"},
				}, rates...),
			}},
		},
	}
}

func adaptBlock(a Adapt) schema.Object {
	return schema.Object{Attributes: []schema.Attribute{
		{Name: "enabled", Type: schema.Bool, Default: a.Enabled, Description: "Move the limit of the queue's max_concurrent, which then is only where it begins"},
		count("min", a.Min, 1, 100_000, "Lowest limit"),
		count("max", a.Max, 1, 100_000, "Highest limit"),
		number("tolerance", a.Tolerance, 1.1, 100, "Growth of the time to the first token above which the service counts as overloaded"),
	}}
}

func hedgeBlock(h Hedge) schema.Object {
	return schema.Object{Attributes: []schema.Attribute{
		{Name: "enabled", Type: schema.Bool, Default: h.Enabled, Description: "Send a second attempt when the first is slow, and take what answers first"},
		number("quantile", h.Quantile, 0.5, 0.999, "Quantile of the times to the first token after which an attempt counts as slow"),
		duration("min_delay", h.MinDelay, "Least time to wait before the second attempt"),
		share("budget", h.Budget, "Bound of second attempts as a share of all requests"),
	}}
}

func retryBlock(r Retry) schema.Object {
	return schema.Object{Attributes: []schema.Attribute{
		count("max", r.Max, 0, 100, "Attempts after the first; 0 turns retries off"),
		duration("initial_delay", r.InitialDelay, "Wait before the first retry"),
		number("factor", r.Factor, 1, 10, "Multiplies the wait for each further retry"),
		duration("max_delay", r.MaxDelay, "Longest wait; 0s is no bound"),
		number("jitter", r.Jitter, 0, 1, "Share by which each wait varies, up or down"),
		duration("retry_after_max", r.RetryAfterMax, "Longest wait asked for by the service that is honoured; 0s is no bound"),
		number("budget", r.Budget, 0, 10, "Bound of retries as a share of all requests; 0 is no bound"),
	}}
}

func breakerBlock(b Breaker) schema.Object {
	window := duration("window", b.Window, "Span over which attempts are counted")
	window.Min = schema.Bound(1)
	return schema.Object{Attributes: []schema.Attribute{
		{Name: "enabled", Type: schema.Bool, Default: b.Enabled, Description: "Open the circuit when the service fails"},
		window,
		number("error_rate", b.ErrorRate, 0, 1, "Share of failed attempts above which the circuit opens"),
		count("min_requests", b.MinRequests, 1, 1_000_000, "Attempts in the window below which the share is not judged"),
		duration("open_for", b.OpenFor, "Time that the circuit stays open; doubles with each failed probe"),
		duration("max_open", b.MaxOpen, "Longest time that the circuit stays open"),
		count("probes", b.Probes, 1, 1000, "Attempts let through at once to find out whether the service is back"),
		count("consecutive_failures", b.ConsecutiveFailures, 0, 1_000_000, "Failures in a row that open the circuit; 0 is off"),
		{Name: "when_open", Type: schema.String, Default: b.WhenOpen, OneOf: []string{WhenOpenReject, WhenOpenHold},
			Description: `What an open circuit does with requests: "reject" refuses them, "hold" lets them wait for the probe if their deadline allows it`},
	}}
}

func duration(name string, value time.Duration, description string) schema.Attribute {
	return schema.Attribute{Name: name, Type: schema.Duration, Default: schema.FormatDuration(value), Max: schema.Bound(day), Description: description}
}

func count(name string, value int, low, high float64, description string) schema.Attribute {
	return schema.Attribute{Name: name, Type: schema.Int, Default: value, Min: &low, Max: &high, Description: description}
}

func number(name string, value, low, high float64, description string) schema.Attribute {
	return schema.Attribute{Name: name, Type: schema.Number, Default: value, Min: &low, Max: &high, Description: description}
}

// share describes a part of a whole.
func share(name string, value float64, description string) schema.Attribute {
	return number(name, value, 0.001, 1, description)
}
