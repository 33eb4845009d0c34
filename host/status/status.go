// Package status holds what the host reports about itself, as plain data: stats
// of endpoints, states of providers, the story of recent requests. The Go API
// returns these types, the admin API writes them as JSON, and the CLI prints
// them.
package status

import (
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// Report is the story of one request: who answered and where the time went.
type Report struct {
	RequestID string `json:"request_id"`
	// Endpoint and Provider that gave the answer or the last failure; empty if
	// the request found no endpoint.
	Endpoint string `json:"endpoint,omitempty"`
	Provider string `json:"provider,omitempty"`
	// Model that was asked for upstream.
	Model string `json:"model,omitempty"`
	// Attempts counts the calls made to plugins, over all endpoints tried.
	Attempts int `json:"attempts"`
	// QueueWait is the time spent in queues, Backoff the time between attempts.
	QueueWait time.Duration `json:"queue_wait_ns"`
	Backoff   time.Duration `json:"backoff_ns"`
	// ProviderTime is the time spent in calls to plugins; for a stream up to
	// its first chunk.
	ProviderTime time.Duration `json:"provider_time_ns"`
	// Total is the time since the request arrived.
	Total time.Duration `json:"total_ns"`
	// Hedged is true if a second attempt was sent beside a slow one. Its times
	// overlap those of the first, and are not added to them.
	Hedged bool `json:"hedged,omitempty"`
	// Tries are the attempts, and the refusals of endpoints that made none, in
	// the order in which they ended. A long story keeps its first and last ones.
	Tries []Try `json:"tries,omitempty"`
}

// Try is one attempt of a request, or the refusal of an endpoint to make one.
type Try struct {
	Endpoint string `json:"endpoint"`
	Provider string `json:"provider"`
	// Number is the attempt's number at this endpoint, from 1; 0 is a refusal.
	Number int       `json:"number"`
	At     time.Time `json:"at"`
	// QueueWait is the time that this attempt waited for its slot.
	QueueWait time.Duration `json:"queue_wait_ns"`
	// Permit is the state of the circuit that let it pass: closed, half_open (it
	// was a probe) or disabled.
	Permit CircuitState `json:"permit,omitempty"`
	// Duration of the call to the plugin; for a stream up to its first chunk.
	Duration time.Duration `json:"duration_ns"`
	// Code and Error say how it failed; empty if it did not.
	Code  provider.Code `json:"code,omitempty"`
	Error string        `json:"error,omitempty"`
	// Delay is the pause that followed, and Next says what came of it: why it was
	// repeated, or why not.
	Delay time.Duration `json:"delay_ns,omitempty"`
	Next  string        `json:"next,omitempty"`
	// Hedge is true for a second attempt beside a slow one.
	Hedge bool `json:"hedge,omitempty"`
}

// Stats are an endpoint's counters since it was created, as one snapshot.
type Stats struct {
	Endpoint string `json:"endpoint"`
	Provider string `json:"provider"`
	// Requests counts arrivals. Each ends as exactly one of Success, Errors and
	// Canceled (the caller left); the difference is still under way.
	Requests uint64 `json:"requests"`
	Success  uint64 `json:"success"`
	Errors   uint64 `json:"errors"`
	Canceled uint64 `json:"canceled"`
	// ErrorsByCode splits Errors.
	ErrorsByCode map[provider.Code]uint64 `json:"errors_by_code,omitempty"`
	// Attempts counts calls to the plugin, Retries those after the first.
	Attempts uint64 `json:"attempts"`
	Retries  uint64 `json:"retries"`

	// Refused counts the requests that the queue did not take or keep, by reason;
	// they are among Errors. Paced counts the attempts that waited for a rate
	// limit though a slot was free. Both count since the endpoint was created.
	Refused map[Refusal]uint64 `json:"refused,omitempty"`
	Paced   uint64             `json:"paced,omitempty"`

	Queued   int `json:"queued"`
	InFlight int `json:"in_flight"`
	// QueuedBytes are the bodies of queued requests.
	QueuedBytes int64 `json:"queued_bytes"`

	// Times of the requests that were sent to the plugin or had to wait. Those that
	// were refused at once are left out: with them an endpoint whose circuit is open
	// would seem to be the fastest.
	QueueWait        Quantiles `json:"queue_wait"`
	Latency          Quantiles `json:"latency"`
	TimeToFirstToken Quantiles `json:"time_to_first_token"`

	Tokens  provider.Usage `json:"tokens"`
	Circuit Circuit        `json:"circuit"`

	CreatedAt     time.Time  `json:"created_at"`
	LastRequestAt *time.Time `json:"last_request_at,omitempty"`
}

// Refusal is why a queue refuses a request.
type Refusal string

// The reasons of a queue.
const (
	RefusedFull     Refusal = "full"     // as many wait as may
	RefusedBytes    Refusal = "bytes"    // their bodies leave no room
	RefusedRoom     Refusal = "room"     // it made room for another tenant or a higher priority
	RefusedLate     Refusal = "late"     // its turn would come after its deadline
	RefusedOverload Refusal = "overload" // it waited longer than a queue that never empties allows
)

// Quantiles summarise durations in seconds over the endpoint's life. Values are
// upper bounds of histogram buckets, at most 12.5 % above the true ones.
type Quantiles struct {
	Count uint64  `json:"count"`
	Mean  float64 `json:"mean"`
	P50   float64 `json:"p50"`
	P90   float64 `json:"p90"`
	P99   float64 `json:"p99"`
	Max   float64 `json:"max"`
}

// CircuitState is the state of a circuit breaker.
type CircuitState string

// The states of a circuit breaker.
const (
	CircuitClosed   CircuitState = "closed"
	CircuitOpen     CircuitState = "open"
	CircuitHalfOpen CircuitState = "half_open"
	CircuitDisabled CircuitState = "disabled"
)

// Circuit is the state of an endpoint's circuit breaker.
type Circuit struct {
	State CircuitState `json:"state"`
	Since time.Time    `json:"since"`
	// Failures of Total attempts in the window.
	Failures int `json:"failures"`
	Total    int `json:"total"`
	// RetryAt is when an open circuit lets a probe through.
	RetryAt *time.Time `json:"retry_at,omitempty"`
	// Trips counts openings; History holds the latest changes, newest last.
	Trips   uint64       `json:"trips"`
	History []Transition `json:"history,omitempty"`
}

// Transition is one change of a circuit's state.
type Transition struct {
	At     time.Time    `json:"at"`
	From   CircuitState `json:"from"`
	To     CircuitState `json:"to"`
	Reason string       `json:"reason"`
}

// Request is one recent request, as one endpoint saw it.
type Request struct {
	ID        string        `json:"id"`
	Endpoint  string        `json:"endpoint"`
	Provider  string        `json:"provider"`
	Operation string        `json:"operation"`
	Model     string        `json:"model,omitempty"`
	At        time.Time     `json:"at"`
	Duration  time.Duration `json:"duration_ns"`
	QueueWait time.Duration `json:"queue_wait_ns"`
	// Backoff is the time between attempts, ProviderTime that of calls to the
	// plugin; for a stream up to its first chunk.
	Backoff      time.Duration `json:"backoff_ns,omitempty"`
	ProviderTime time.Duration `json:"provider_time_ns"`
	Attempts     int           `json:"attempts"`
	Stream       bool          `json:"stream,omitempty"`
	Success      bool          `json:"success"`
	// Code and Error are set if the request failed.
	Code  provider.Code  `json:"code,omitempty"`
	Error string         `json:"error,omitempty"`
	Usage provider.Usage `json:"usage"`
	// FirstToken is the time from the start of the last attempt to a stream's first
	// chunk, 0 for others.
	FirstToken time.Duration `json:"first_token_ns,omitempty"`
	// Tenant and Priority are what the queue ordered the request by.
	Tenant   string `json:"tenant,omitempty"`
	Priority string `json:"priority,omitempty"`
	// Tries are the attempts at this endpoint; see [Report].
	Tries []Try `json:"tries,omitempty"`
}

// Endpoint describes an endpoint. Sensitive settings are left out.
type Endpoint struct {
	ID       string `json:"id"`
	Provider string `json:"provider"`
	Model    string `json:"model,omitempty"`
	Revision uint64 `json:"revision"`
	// Origin is "config" or "api": endpoints made at run time are gone after a
	// restart.
	Origin string `json:"origin"`
	// HasKey is true if a credential is set.
	HasKey     bool                 `json:"has_key"`
	Operations []provider.Operation `json:"operations"`
	Settings   map[string]any       `json:"settings,omitempty"`
	// Policy holds timeout, queue, retry, breaker and stats as configured.
	Policy  any          `json:"policy,omitempty"`
	Circuit CircuitState `json:"circuit"`
	// Problem says why the endpoint takes no requests at all: its plugin is
	// missing or refuses its settings. An open circuit is not among the reasons.
	Problem string `json:"problem,omitempty"`
}

// ProviderState is the state of a provider's process.
type ProviderState string

// The states of a provider, as far as a request can meet them.
const (
	ProviderStarting ProviderState = "starting"
	ProviderReady    ProviderState = "ready"
	ProviderBackoff  ProviderState = "backoff" // crashed, waiting to start again
	ProviderFailed   ProviderState = "failed"  // could not be started at all
	ProviderStopped  ProviderState = "stopped"
)

// Provider describes a provider and its process.
type Provider struct {
	Name    string        `json:"name"`
	Version string        `json:"version,omitempty"`
	State   ProviderState `json:"state"`
	// Reason says why the state is not ready.
	Reason string    `json:"reason,omitempty"`
	Since  time.Time `json:"since"`
	Path   string    `json:"path"`
	PID    int       `json:"pid,omitempty"`
	// Generation counts the processes started so far, Restarts those after a crash.
	Generation uint64 `json:"generation"`
	Restarts   uint64 `json:"restarts"`
	InFlight   int    `json:"in_flight"`
	// LastExit is how the latest process ended ("exit status 2", "signal: killed").
	LastExit  string   `json:"last_exit,omitempty"`
	Endpoints []string `json:"endpoints"`
	// Generations are the processes that live, the one that takes calls first.
	Generations []Generation `json:"generations,omitempty"`
	// Crashes counts those of the last ten minutes, failed starts among them.
	Crashes int `json:"crashes"`
	// TrialUntil is set while a new binary or configuration is on trial: if it
	// fails before, the one before is started again.
	TrialUntil *time.Time `json:"trial_until,omitempty"`
	// LastSwap is the latest change, nil if there was none.
	LastSwap *Swap `json:"last_swap,omitempty"`
	// Development says in words that the provider runs in development, and what is
	// therefore not done for it; "" if it does not.
	Development string `json:"development,omitempty"`
	// Log holds the latest lines that the process wrote to standard error.
	Log []string `json:"log,omitempty"`
	// Manifest is nil if the plugin could not be asked.
	Manifest *provider.Manifest `json:"manifest,omitempty"`
}
