package config

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/backplane-dev/backplane/sdk/schema"
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

	Queue   Queue
	Retry   Retry
	Breaker Breaker
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
}

// Stats says what is kept about requests.
type Stats struct {
	// Recent keeps the story of recent requests, for an hour and within bounds.
	// Default true. Counters are always kept.
	Recent bool
}

// DefaultPolicy is the policy of an endpoint that configures nothing.
func DefaultPolicy() Policy {
	return Policy{
		Timeout: 60 * time.Second,
		Queue:   Queue{Enabled: true, Size: 100, MaxConcurrent: 5, MaxBytes: 64 << 20},
		Retry: Retry{
			Max: 3, InitialDelay: time.Second, Factor: 2, MaxDelay: 60 * time.Second,
			Jitter: 0.25, RetryAfterMax: 120 * time.Second, Budget: 0.1,
		},
		Breaker: Breaker{
			Enabled: true, Window: 60 * time.Second, ErrorRate: 0.5, MinRequests: 10,
			OpenFor: 5 * time.Second, MaxOpen: 60 * time.Second, Probes: 1,
		},
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

// policyView gives a policy its JSON form. Its fields point into the policy, so
// that one definition serves both directions and null changes nothing.
type policyView struct {
	Timeout           *schema.DurationValue `json:"timeout"`
	AttemptTimeout    *schema.DurationValue `json:"attempt_timeout"`
	FirstTokenTimeout *schema.DurationValue `json:"first_token_timeout"`
	IdleTimeout       *schema.DurationValue `json:"idle_timeout"`
	Queue             queueView             `json:"queue"`
	Retry             retryView             `json:"retry"`
	Breaker           breakerView           `json:"breaker"`
	Stats             statsView             `json:"stats"`
}

type queueView struct {
	Enabled       *bool             `json:"enabled"`
	Size          *int              `json:"size"`
	MaxConcurrent *int              `json:"max_concurrent"`
	MaxBytes      *schema.SizeValue `json:"max_bytes"`
}

type retryView struct {
	Max           *int                  `json:"max"`
	InitialDelay  *schema.DurationValue `json:"initial_delay"`
	Factor        *float64              `json:"factor"`
	MaxDelay      *schema.DurationValue `json:"max_delay"`
	Jitter        *float64              `json:"jitter"`
	RetryAfterMax *schema.DurationValue `json:"retry_after_max"`
	Budget        *float64              `json:"budget"`
}

type breakerView struct {
	Enabled             *bool                 `json:"enabled"`
	Window              *schema.DurationValue `json:"window"`
	ErrorRate           *float64              `json:"error_rate"`
	MinRequests         *int                  `json:"min_requests"`
	OpenFor             *schema.DurationValue `json:"open_for"`
	MaxOpen             *schema.DurationValue `json:"max_open"`
	Probes              *int                  `json:"probes"`
	ConsecutiveFailures *int                  `json:"consecutive_failures"`
}

type statsView struct {
	Recent *bool `json:"recent"`
}

func (p *Policy) view() *policyView {
	return &policyView{
		Timeout: span(&p.Timeout), AttemptTimeout: span(&p.AttemptTimeout),
		FirstTokenTimeout: span(&p.FirstTokenTimeout), IdleTimeout: span(&p.IdleTimeout),
		Queue: queueView{&p.Queue.Enabled, &p.Queue.Size, &p.Queue.MaxConcurrent, (*schema.SizeValue)(&p.Queue.MaxBytes)},
		Retry: retryView{
			&p.Retry.Max, span(&p.Retry.InitialDelay), &p.Retry.Factor, span(&p.Retry.MaxDelay),
			&p.Retry.Jitter, span(&p.Retry.RetryAfterMax), &p.Retry.Budget,
		},
		Breaker: breakerView{
			&p.Breaker.Enabled, span(&p.Breaker.Window), &p.Breaker.ErrorRate, &p.Breaker.MinRequests,
			span(&p.Breaker.OpenFor), span(&p.Breaker.MaxOpen), &p.Breaker.Probes, &p.Breaker.ConsecutiveFailures,
		},
		Stats: statsView{&p.Stats.Recent},
	}
}

func span(d *time.Duration) *schema.DurationValue { return (*schema.DurationValue)(d) }
