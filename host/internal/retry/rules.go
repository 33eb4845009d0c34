package retry

import (
	"fmt"
	"time"

	"github.com/backplane-dev/backplane/host/config"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// minDelay is the shortest sleep: without one the library may go on after the
// request was cancelled.
const minDelay = time.Millisecond

// schedule lists the delays before the second, third, ... attempt.
func schedule(cfg config.Retry) []time.Duration {
	delays := make([]time.Duration, max(cfg.Max, 0))
	next := float64(max(cfg.InitialDelay, minDelay))
	for i := range delays {
		if cfg.MaxDelay > 0 {
			next = min(next, float64(max(cfg.MaxDelay, minDelay)))
		}
		delays[i] = time.Duration(min(next, float64(maxDelay)))
		next *= max(cfg.Factor, 1)
	}
	return delays
}

// maxDelay keeps long schedules without a MaxDelay from overflowing.
const maxDelay = 24 * time.Hour

// jitter is the configured jitter, as a share from 0 to 1.
func (p *Policy) jitter() float64 { return min(max(p.cfg.Jitter, 0), 1) }

// longest is the longest sleep after the given attempt.
func (p *Policy) longest(attempt int) time.Duration {
	d := p.delays[attempt-1]
	return d + time.Duration(p.jitter()*float64(d))
}

// final says why an error is not repeated whatever the settings, "" if it may
// be. The service's own word (x-should-retry) stands above the error's class,
// but nothing makes a wrong key right or brings back a caller who left, and
// nothing makes it safe to create a thing twice.
func final(f Failure) string {
	err := f.Err
	switch err.Code {
	case provider.CodeAuth, provider.CodePermission:
		return "another attempt would use the same key"
	case provider.CodeCanceled:
		return "the caller has left"
	case provider.CodeQueueFull, provider.CodeCircuitOpen, provider.CodeShutdown:
		return "the endpoint itself refused the request"
	case provider.CodeUnsupported:
		return "the operation is not offered"
	}
	switch {
	case f.Unsafe && !unsent(err):
		return "doing the operation twice can do harm, and it may have reached the service"
	case err.Retry == provider.RetryNever:
		return "the service said that it is of no use"
	case !err.IsTransient():
		return fmt.Sprintf("an error of class %s does not pass by itself", err.Code)
	case Crashed(err) && f.Crashes > 1:
		return "the plugin's process has ended twice under this request"
	default:
		return ""
	}
}

// unsent reports whether the request certainly never reached the service: it
// could not be reached, or not in time, and the plugin vouches for it with an explicit
// RetryAlways. Without that word the connection may have broken after the
// request was sent. The same holds for a plugin that died. Beside a status the
// word is that of whoever answered, who has got the request.
func unsent(err *provider.Error) bool {
	return (err.Code == provider.CodeUnreachable || err.Code == provider.CodeTimeout) && err.Retry == provider.RetryAlways && err.StatusCode == 0
}

// Crashed reports whether the plugin's process ended under the attempt. A
// process that was not there to begin with says when it will be. A request that
// brings down each process that it meets is repeated once, not more: it would
// take the provider from all others.
func Crashed(err *provider.Error) bool {
	return err.Code == provider.CodePluginUnavailable && err.RetryAfter == 0
}

// costs reports whether repeating after err takes a token. A plugin that died
// says nothing about the service, and all its calls fail at the same moment.
func costs(err *provider.Error) bool { return err.Code != provider.CodePluginUnavailable }
