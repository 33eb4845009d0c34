package config

import (
	"encoding/json"
	"time"

	"github.com/backplane-dev/backplane/sdk/schema"
)

// policyView gives a policy its JSON form. Its fields point into the policy, so
// that one definition serves both directions and null changes nothing.
type policyView struct {
	Timeout           *schema.DurationValue `json:"timeout"`
	AttemptTimeout    *schema.DurationValue `json:"attempt_timeout"`
	FirstTokenTimeout *schema.DurationValue `json:"first_token_timeout"`
	IdleTimeout       *schema.DurationValue `json:"idle_timeout"`
	ConnectTimeout    *schema.DurationValue `json:"connect_timeout"`
	Queue             queueView             `json:"queue"`
	Limits            limitsView            `json:"limits"`
	Retry             retryView             `json:"retry"`
	Breaker           breakerView           `json:"breaker"`
	Adapt             adaptView             `json:"adapt"`
	Hedge             hedgeView             `json:"hedge"`
	Stats             statsView             `json:"stats"`
}

type queueView struct {
	Enabled       *bool                 `json:"enabled"`
	Size          *int                  `json:"size"`
	MaxConcurrent *int                  `json:"max_concurrent"`
	MaxBytes      *schema.SizeValue     `json:"max_bytes"`
	Overload      *string               `json:"overload"`
	Target        *schema.DurationValue `json:"target"`
	Interval      *schema.DurationValue `json:"interval"`
}

type limitsView struct {
	RequestsPerMinute *int                  `json:"requests_per_minute"`
	TokensPerMinute   *int                  `json:"tokens_per_minute"`
	FromHeaders       *bool                 `json:"from_headers"`
	Share             *float64              `json:"share"`
	QuotaCooldown     *schema.DurationValue `json:"quota_cooldown"`
	Models            *modelList            `json:"model"`
}

// modelList is a list of model limits as JSON: a list that is given replaces the
// one before, which may belong to the provider's block, and no list is [].
type modelList []ModelLimits

// MarshalJSON writes the list.
func (m modelList) MarshalJSON() ([]byte, error) {
	if m == nil {
		return []byte("[]"), nil
	}
	return json.Marshal([]ModelLimits(m))
}

// UnmarshalJSON reads a list into memory of its own.
func (m *modelList) UnmarshalJSON(data []byte) error {
	var list []ModelLimits
	if err := json.Unmarshal(data, &list); err != nil {
		return err
	}
	if len(list) == 0 {
		list = nil
	}
	*m = list
	return nil
}

type adaptView struct {
	Enabled   *bool    `json:"enabled"`
	Min       *int     `json:"min"`
	Max       *int     `json:"max"`
	Tolerance *float64 `json:"tolerance"`
}

type hedgeView struct {
	Enabled  *bool                 `json:"enabled"`
	Quantile *float64              `json:"quantile"`
	MinDelay *schema.DurationValue `json:"min_delay"`
	Budget   *float64              `json:"budget"`
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
	WhenOpen            *string               `json:"when_open"`
}

type statsView struct {
	Recent *bool `json:"recent"`
}

func (p *Policy) view() *policyView {
	return &policyView{
		Timeout: span(&p.Timeout), AttemptTimeout: span(&p.AttemptTimeout),
		FirstTokenTimeout: span(&p.FirstTokenTimeout), IdleTimeout: span(&p.IdleTimeout),
		ConnectTimeout: span(&p.ConnectTimeout),
		Queue: queueView{
			&p.Queue.Enabled, &p.Queue.Size, &p.Queue.MaxConcurrent, (*schema.SizeValue)(&p.Queue.MaxBytes),
			&p.Queue.Overload, span(&p.Queue.Target), span(&p.Queue.Interval),
		},
		Limits: limitsView{
			&p.Limits.RequestsPerMinute, &p.Limits.TokensPerMinute, &p.Limits.FromHeaders, &p.Limits.Share,
			span(&p.Limits.QuotaCooldown), (*modelList)(&p.Limits.Models),
		},
		Retry: retryView{
			&p.Retry.Max, span(&p.Retry.InitialDelay), &p.Retry.Factor, span(&p.Retry.MaxDelay),
			&p.Retry.Jitter, span(&p.Retry.RetryAfterMax), &p.Retry.Budget,
		},
		Breaker: breakerView{
			&p.Breaker.Enabled, span(&p.Breaker.Window), &p.Breaker.ErrorRate, &p.Breaker.MinRequests,
			span(&p.Breaker.OpenFor), span(&p.Breaker.MaxOpen), &p.Breaker.Probes, &p.Breaker.ConsecutiveFailures,
			&p.Breaker.WhenOpen,
		},
		Adapt: adaptView{&p.Adapt.Enabled, &p.Adapt.Min, &p.Adapt.Max, &p.Adapt.Tolerance},
		Hedge: hedgeView{&p.Hedge.Enabled, &p.Hedge.Quantile, span(&p.Hedge.MinDelay), &p.Hedge.Budget},
		Stats: statsView{&p.Stats.Recent},
	}
}

func span(d *time.Duration) *schema.DurationValue { return (*schema.DurationValue)(d) }
