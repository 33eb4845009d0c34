package status

import (
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// Explanation says what an endpoint's policies would do with a request now, and
// by which numbers.
type Explanation struct {
	Endpoint string    `json:"endpoint"`
	At       time.Time `json:"at"`
	// Verdict is what would become of a request that arrived now, in words.
	Verdict string       `json:"verdict"`
	Queue   QueueNow     `json:"queue"`
	Circuit Circuit      `json:"circuit"`
	Retry   RetryNow     `json:"retry"`
	Limits  []LimitNow   `json:"limits,omitempty"`
	Adapt   *AdaptNow    `json:"adapt,omitempty"`
	Hedge   *HedgeNow    `json:"hedge,omitempty"`
	Gate    *GateNow     `json:"gate,omitempty"`
	Key     *KeyCooldown `json:"key,omitempty"`
}

// QueueNow is the state of a queue.
type QueueNow struct {
	Waiting       int   `json:"waiting"`
	Size          int   `json:"size"` // 0 with Unbounded: no bound
	Unbounded     bool  `json:"unbounded,omitempty"`
	Bytes         int64 `json:"bytes"`
	MaxBytes      int64 `json:"max_bytes"`
	InFlight      int   `json:"in_flight"`
	MaxConcurrent int   `json:"max_concurrent"` // as it is now; 0 is no limit
	// Oldest is how long the longest waiting request has waited, Estimate the
	// wait that a request arriving now must expect.
	Oldest   time.Duration `json:"oldest_ns"`
	Estimate time.Duration `json:"estimate_ns"`
	// Overloaded is true while the queue cuts waits to Target: it has not been
	// empty for Interval.
	Overloaded bool          `json:"overloaded"`
	Target     time.Duration `json:"target_ns"`
	Interval   time.Duration `json:"interval_ns"`
	// Classes are the waiting requests by priority and tenant.
	Classes []ClassNow `json:"classes,omitempty"`
}

// ClassNow is one priority's part of a queue.
type ClassNow struct {
	Priority string      `json:"priority"`
	Waiting  int         `json:"waiting"`
	Tenants  []TenantNow `json:"tenants,omitempty"`
}

// TenantNow is one tenant's part of a class.
type TenantNow struct {
	Tenant  string `json:"tenant"`
	Waiting int    `json:"waiting"`
}

// GateNow is a queue's gate that is not open.
type GateNow struct {
	Until time.Time `json:"until"`
	Why   string    `json:"why"`
}

// RetryNow is the state of the retry budget.
type RetryNow struct {
	Max int `json:"max"`
	// Tokens of Capacity are left: each retry takes one, which comes back if it
	// succeeds.
	Tokens   float64 `json:"tokens"`
	Capacity float64 `json:"capacity"`
}

// LimitNow is the level of one rate limit.
type LimitNow struct {
	// Model that is limited, "" for all; Meter is requests, tokens, ...
	Model string `json:"model,omitempty"`
	Meter string `json:"meter"`
	// Source is "config" or "headers".
	Source string  `json:"source"`
	Limit  float64 `json:"limit"`
	Level  float64 `json:"level"`
	// PerSecond is the rate at which Level rises.
	PerSecond float64 `json:"per_second"`
}

// AdaptNow is the state of the adaptive limit.
type AdaptNow struct {
	Limit int `json:"limit"`
	// Base is the time to the first token without load, Median that of the latest
	// window.
	Base   time.Duration `json:"base_ns"`
	Median time.Duration `json:"median_ns"`
	Reason string        `json:"reason"` // of the latest change
}

// HedgeNow is the state of hedging.
type HedgeNow struct {
	Delay  time.Duration `json:"delay_ns"`
	Tokens float64       `json:"tokens"`
	Sent   uint64        `json:"sent"`
	Won    uint64        `json:"won"`
}

// KeyCooldown is a key that is not used for a while.
type KeyCooldown struct {
	Until time.Time     `json:"until"`
	Code  provider.Code `json:"code"`
	Why   string        `json:"why"`
}
