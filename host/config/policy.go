package config

import (
	"encoding/json"
	"fmt"
	"time"
)

// Policy says how an endpoint treats its requests. It has no useful zero value:
// start from [DefaultPolicy]. As JSON it has the names of the configuration
// file, durations such as "1m30s" and sizes such as "64MiB".
//
// Decoding JSON changes what the JSON names and leaves the rest alone, so that
// an endpoint's settings can be laid over its provider's.
type Policy struct {
	// Timeout bounds the whole request, waiting and retries included; of a
	// stream the time up to its first chunk. Default 60s; 0 is no limit.
	Timeout time.Duration
	// AttemptTimeout bounds one attempt within Timeout. Default 0: as long as
	// Timeout leaves.
	AttemptTimeout time.Duration
	// FirstTokenTimeout bounds the wait of one attempt for a stream's first
	// chunk. Default 0: as long as the attempt may take.
	FirstTokenTimeout time.Duration
	// IdleTimeout bounds the wait between two chunks of a stream. Default 0: no
	// limit.
	IdleTimeout time.Duration
	// ConnectTimeout bounds the making of a connection to the service. Default
	// 10s; 0 leaves it to the plugin.
	ConnectTimeout time.Duration

	Queue   Queue
	Limits  Limits
	Retry   Retry
	Breaker Breaker
	Adapt   Adapt
	Hedge   Hedge
	Stats   Stats
}

// Queue bounds what an endpoint works on and what waits for it.
type Queue struct {
	// Enabled: requests over MaxConcurrent wait in a bounded queue, first in
	// first out. Default true. Without it they wait as well, but in a queue
	// without bounds.
	Enabled bool
	// Size is the number of requests that may wait. Default 100; 0 refuses
	// every request that cannot run at once.
	Size int
	// MaxConcurrent is the number of requests that run at once. Default 5; 0 is
	// no limit.
	MaxConcurrent int
	// MaxBytes bounds the bodies of waiting requests. Default 64 MiB; 0 is no
	// limit.
	MaxBytes int64
	// Overload says what happens to a queue that never empties: "codel", the
	// default, refuses those that have waited longer than Target, so that the
	// others are served in time; "none" lets all wait as long as they may.
	Overload string
	// Target is the wait that a queue in overload allows. Default 0: the greater
	// of the median time of service and a tenth of Timeout.
	Target time.Duration
	// Interval is the time after which a queue that has not been empty counts as
	// overloaded. Default 0: five times Target.
	Interval time.Duration
}

// The values of [Queue.Overload].
const (
	OverloadCoDel = "codel"
	OverloadNone  = "none"
)

// Limits are rates that the endpoint keeps by itself, so that the service need
// not refuse. Requests over a rate wait in the queue; those for which another
// endpoint of their route is free go there instead of waiting a second or more.
type Limits struct {
	// RequestsPerMinute and TokensPerMinute bound the endpoint. Default 0: no
	// bound. Tokens are estimated when the request is sent, and corrected by the
	// service's count when it has answered.
	RequestsPerMinute int
	TokensPerMinute   int
	// Models bound single models in addition; the first whose name matches
	// counts.
	Models []ModelLimits
	// FromHeaders keeps to the limits that the service announces in its answers.
	// Default true.
	FromHeaders bool
	// Share is this host's part of announced limits, where several hosts use the
	// same key. Default 1.
	Share float64
	// QuotaCooldown is how long a key without money or allowance left is not
	// used. Default 60s; 0 uses it all the same.
	QuotaCooldown time.Duration
}

// ModelLimits bound the models whose name matches.
type ModelLimits struct {
	// Name is a model name, or a pattern with * and ?.
	Name              string `json:"name"`
	RequestsPerMinute int    `json:"requests_per_minute,omitempty"`
	TokensPerMinute   int    `json:"tokens_per_minute,omitempty"`
}

// Adapt finds the number of requests that the service can work on at once.
type Adapt struct {
	// Enabled lets the endpoint move the limit of Queue.MaxConcurrent, which
	// then is only where it begins. Default false.
	Enabled bool
	// Min and Max bound the limit. Defaults 1 and 200.
	Min, Max int
	// Tolerance is the growth of the time to the first token, as a factor, above
	// which the service counts as overloaded. Default 2.
	Tolerance float64
}

// Hedge sends a second attempt when the first is slow, and takes what answers
// first.
type Hedge struct {
	// Enabled is false by default: a hedged request can cost twice.
	Enabled bool
	// Quantile of the times to the first token after which an attempt counts as
	// slow. Default 0.95.
	Quantile float64
	// MinDelay is the least time to wait before the second attempt. Default 50ms.
	MinDelay time.Duration
	// Budget bounds second attempts to this share of the requests. Default 0.05.
	Budget float64
}

// Retry says when a failed request is tried again.
type Retry struct {
	// Max is the number of further attempts. Default 3; 0 turns retries off.
	Max int
	// InitialDelay is the wait before the first retry. Default 1s.
	InitialDelay time.Duration
	// Factor multiplies the wait for each further retry. Default 2.
	Factor float64
	// MaxDelay caps the wait. Default 60s; 0 is no cap.
	MaxDelay time.Duration
	// Jitter varies each wait by up to this share, up or down. Default 0.25.
	Jitter float64
	// RetryAfterMax is the longest wait asked for by the service that is
	// honoured; a longer one ends the request at once. Default 120s; 0 is no
	// limit.
	RetryAfterMax time.Duration
	// Budget bounds retries to this share of the requests, over all of them.
	// Default 0.1; 0 is no bound.
	Budget float64
}

// Breaker says when an endpoint whose service fails is left alone.
type Breaker struct {
	// Enabled by default.
	Enabled bool
	// Window is the span over which attempts are counted. Default 60s.
	Window time.Duration
	// ErrorRate opens the circuit if strictly more than this share of the
	// window's attempts failed. Default 0.5.
	ErrorRate float64
	// MinRequests is the number of attempts in the window below which the rate
	// is not judged. Default 10.
	MinRequests int
	// OpenFor is the time that the circuit stays open; it doubles with each
	// failed probe up to MaxOpen. Defaults 5s and 60s.
	OpenFor time.Duration
	MaxOpen time.Duration
	// Probes is the number of attempts let through at once while the circuit is
	// half open. Default 1.
	Probes int
	// ConsecutiveFailures opens the circuit after this many failures in a row,
	// whatever the rate. Default 0: off.
	ConsecutiveFailures int
	// WhenOpen says what an open circuit does with requests: "reject", the
	// default, refuses them; "hold" lets them wait in the queue for the probe, if
	// their deadline allows it.
	WhenOpen string
}

// The values of [Breaker.WhenOpen].
const (
	WhenOpenReject = "reject"
	WhenOpenHold   = "hold"
)

// Stats says what is kept about requests.
type Stats struct {
	// Recent keeps the story of recent requests, for an hour and within bounds.
	// Default true. Counters are always kept.
	Recent bool
}

// DefaultPolicy is the policy of an endpoint that configures nothing.
func DefaultPolicy() Policy {
	return Policy{
		Timeout:        60 * time.Second,
		ConnectTimeout: 10 * time.Second,
		Queue:          Queue{Enabled: true, Size: 100, MaxConcurrent: 5, MaxBytes: 64 << 20, Overload: OverloadCoDel},
		Limits:         Limits{FromHeaders: true, Share: 1, QuotaCooldown: 60 * time.Second},
		Retry: Retry{
			Max: 3, InitialDelay: time.Second, Factor: 2, MaxDelay: 60 * time.Second,
			Jitter: 0.25, RetryAfterMax: 120 * time.Second, Budget: 0.1,
		},
		Breaker: Breaker{
			Enabled: true, Window: 60 * time.Second, ErrorRate: 0.5, MinRequests: 10,
			OpenFor: 5 * time.Second, MaxOpen: 60 * time.Second, Probes: 1,
			WhenOpen: WhenOpenReject,
		},
		Adapt: Adapt{Min: 1, Max: 200, Tolerance: 2},
		Hedge: Hedge{Quantile: 0.95, MinDelay: 50 * time.Millisecond, Budget: 0.05},
		Stats: Stats{Recent: true},
	}
}

// MarshalJSON writes the policy with the names of the configuration file.
func (p Policy) MarshalJSON() ([]byte, error) { return json.Marshal(p.view()) }

// UnmarshalJSON changes what the JSON object names and nothing else.
func (p *Policy) UnmarshalJSON(data []byte) error {
	changed := *p
	if err := json.Unmarshal(data, changed.view()); err != nil {
		return fmt.Errorf("decode policy: %w", err)
	}
	*p = changed
	return nil
}
