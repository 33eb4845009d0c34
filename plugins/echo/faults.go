package main

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// faults decides which requests fail. It stands in for the service behind the
// provider, so its errors look like a service's. It is safe for concurrent use.
type faults struct {
	cfg   config
	crash func(reason string) // replaced in tests
	flood func(lines int)     // as above

	mu  sync.Mutex
	rng *rand.Rand
}

func newFaults(cfg config) *faults {
	seed := rand.Uint64()
	if cfg.Seed != nil {
		seed = *cfg.Seed
	}
	return &faults{cfg: cfg, crash: exit, flood: fillLog, rng: rand.New(rand.NewPCG(seed, 0))}
}

// before is what happens ahead of an answer, in this order: the crash, the flood
// of log lines, the latency, the rate limit, the failure.
func (f *faults) before(ctx context.Context, prompt string) error {
	if f.cfg.CrashOn != "" && strings.Contains(prompt, f.cfg.CrashOn) {
		f.crash("the prompt contains the text of the setting crash_on")
	}
	if f.cfg.FloodOn != "" && strings.Contains(prompt, f.cfg.FloodOn) {
		f.flood(floodLines)
	}
	if err := sleep(ctx, time.Duration(f.cfg.Latency)); err != nil {
		return err
	}
	if f.happens(f.cfg.RateLimitRate) {
		return &provider.Error{
			Code: provider.CodeRateLimit, StatusCode: 429, Source: provider.SourceUpstream,
			Type: "rate_limit_error", Message: "rate limit injected by the setting rate_limit_rate",
			RetryAfter: time.Duration(f.cfg.RetryAfter),
		}
	}
	if f.happens(f.cfg.ErrorRate) {
		return failure("failure injected by the setting error_rate")
	}
	return nil
}

// duringStream fails once a stream has sent the configured number of words.
func (f *faults) duringStream(sent int) error {
	if n := f.cfg.FailAfterWords; n != nil && sent >= *n {
		return failure(fmt.Sprintf("failure injected by the setting fail_after_words after %d words", sent))
	}
	return nil
}

// happens draws lots: true in the given share of calls.
func (f *faults) happens(rate float64) bool {
	if rate <= 0 {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.rng.Float64() < rate
}

func failure(message string) error {
	return &provider.Error{
		Code: provider.CodeUpstream, StatusCode: 500, Source: provider.SourceUpstream,
		Type: "server_error", Message: message,
	}
}

// exit ends the process without an answer to the host, as a crash does. The
// logged line is what the operator finds in the host's log.
func exit(reason string) {
	slog.Error("crash on purpose", "reason", reason)
	os.Exit(3)
}

// floodLines is some hundred times what the host takes in a second.
const floodLines = 20000

// fillLog logs as fast as the host reads.
func fillLog(lines int) {
	for n := range lines {
		slog.Info("flood on purpose", "line", n)
	}
}

// sleep waits for d or until ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// pause lasts as long as it takes to say n words.
func (e *endpoint) pause(ctx context.Context, n int) error {
	if e.WordsPerSecond == 0 {
		return ctx.Err()
	}
	return sleep(ctx, time.Duration(float64(n)/e.WordsPerSecond*float64(time.Second)))
}
