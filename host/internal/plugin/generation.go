package plugin

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/backplane-dev/backplane/sdk/client"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// generation is one running process of a provider with the connection to it.
// It takes calls from the moment it is published until it drains.
//
// A call holds a lease from before it is sent until its terminal event. Leases
// are one counter: they cost two atomic additions a call.
type generation struct {
	id     uint64
	spec   Spec
	since  time.Time
	proc   *process
	plugin *goplugin.Client
	grpc   *grpc.ClientConn
	conn   *client.Conn

	leases   atomic.Int64 // drainBias is added once it drains
	draining sync.Once
	idle     sync.Once
	// used is set by calls and taken back by the supervisor, to see idleness.
	used atomic.Bool
	// calls that ended, and those of them that failed by the process's own fault.
	calls, faults atomic.Int64
	probing       atomic.Bool // it was asked for its health, and is not ready yet
	published     atomic.Bool // it has taken calls
	// replaced are the configurations of endpoints that its own have replaced.
	replaced []provider.EndpointConfig
	drained  chan struct{} // closed when it drains and the last lease is back

	// stopping is set before the host ends the process on purpose.
	stopping atomic.Bool
	// haste is closed when it must end at once although it has calls; hurried
	// says why.
	haste    chan struct{}
	hurried  atomic.Pointer[string]
	hurrying sync.Once
	// verdict is why the host killed a process that it did not want to stop, nil
	// if it did not.
	verdict atomic.Pointer[string]
	// suspect is signalled by calls that lost the connection while the process
	// seems to live.
	suspect chan struct{}
	// refused holds the endpoints that this process did not accept, with the
	// reason; nil if there are none. The map is never changed, only replaced.
	refused atomic.Pointer[map[string]string]
}

// drainBias makes the counter of leases negative while the generation drains.
const drainBias = math.MinInt64 / 2

// exitWait is how long a call that lost its connection waits to learn how the
// process ended: the connection breaks a little before the process is reaped.
const exitWait = 250 * time.Millisecond

// acquire takes a lease. It fails if the generation drains.
func (g *generation) acquire() bool {
	if g.leases.Add(1) > 0 {
		if !g.used.Load() { // most calls only read, which processors share
			g.used.Store(true)
		}
		return true
	}
	g.release()
	return false
}

// release gives a lease back. Every acquire needs exactly one.
func (g *generation) release() {
	if g.leases.Add(-1) == drainBias {
		g.idle.Do(func() { close(g.drained) })
	}
}

// drain refuses new leases from now on; drained is closed when none is left.
func (g *generation) drain() {
	g.draining.Do(func() {
		if g.leases.Add(drainBias) == drainBias {
			g.idle.Do(func() { close(g.drained) })
		}
	})
}

// inFlight counts the leases that are out.
func (g *generation) inFlight() int {
	n := g.leases.Load()
	if n < 0 {
		n -= drainBias
	}
	return int(n)
}

// refusal is the error for calls to an endpoint that the process did not
// accept, nil for all others.
func (g *generation) refusal(endpoint string) error {
	refused := g.refused.Load()
	if refused == nil {
		return nil
	}
	reason, ok := (*refused)[endpoint]
	if !ok {
		return nil
	}
	return &provider.Error{
		Code: provider.CodePluginUnavailable, Source: provider.SourceHost, Retry: provider.RetryNever,
		Message: fmt.Sprintf("provider %q: its new process refused endpoint %q: %s", g.spec.Name, endpoint, reason),
	}
}

// setRefused records or, with an empty reason, forgets a refusal. The caller
// holds the endpoints' gate.
func (g *generation) setRefused(endpoint, reason string) {
	refused := map[string]string{}
	if old := g.refused.Load(); old != nil {
		for id, why := range *old {
			refused[id] = why
		}
	}
	delete(refused, endpoint)
	if reason != "" {
		refused[endpoint] = reason
	}
	if len(refused) == 0 {
		g.refused.Store(nil)
		return
	}
	g.refused.Store(&refused)
}

// explain turns the error of a call into what the caller is told. A lost
// connection is explained by the end of the process, for which it waits a
// moment; all other errors are passed on.
func (g *generation) explain(ctx context.Context, err error) error {
	e := provider.AsError(err)
	if !lostConnection(e) {
		if e.Source == provider.SourcePlugin && (e.Code == provider.CodeInternal || e.Code == provider.CodeProtocol) {
			g.faults.Add(1)
		}
		return e
	}
	g.faults.Add(1)
	timer := time.NewTimer(exitWait)
	defer timer.Stop()
	select {
	case <-g.proc.finished:
		return g.ended(e)
	case <-ctx.Done():
	case <-timer.C:
	}
	if g.proc.hasExited() {
		return g.ended(e)
	}
	if g.stopping.Load() {
		return g.stopped(e)
	}
	select {
	case g.suspect <- struct{}{}:
	default: // the supervisor knows already
	}
	return g.unavailable(e, "lost the connection to the plugin process, which still runs: "+e.Message)
}

// lostConnection tells a broken transport from an answer.
func lostConnection(e *provider.Error) bool {
	return e != nil && e.Code == provider.CodePluginUnavailable && e.Source == provider.SourceHost
}

// ended is the error for a call whose process ended before its answer.
func (g *generation) ended(cause error) error {
	if g.stopping.Load() {
		return g.stopped(cause)
	}
	return g.unavailable(cause, fmt.Sprintf("the plugin process (pid %d) ended during the call: %s", g.proc.pid(), g.howItEnded()))
}

// howItEnded is the exit of the process with what is known about its reason.
func (g *generation) howItEnded() string {
	text := g.proc.exit()
	if verdict := g.verdict.Load(); verdict != nil {
		return text + " by the host, since " + *verdict
	}
	if words := g.proc.log.lastWords(); words != "" {
		text += "; it said last: " + words
	}
	return text
}

// condemn kills a process that is of no use any more. What follows is the same
// as after a crash.
func (g *generation) condemn(reason string) {
	g.verdict.Store(&reason)
	g.proc.kill()
}

// stopped is the error for a call that was cut off by the host itself. One that
// was cut off because its process had been replaced can be made again.
func (g *generation) stopped(cause error) error {
	if why := g.hurried.Load(); why != nil {
		return g.unavailable(cause, "the call was cut off: "+*why)
	}
	return &provider.Error{
		Code: provider.CodeShutdown, Source: provider.SourceHost, Cause: cause,
		Message: fmt.Sprintf("provider %q was stopped before the call ended", g.spec.Name),
	}
}

func (g *generation) unavailable(cause error, text string) error {
	return &provider.Error{
		Code: provider.CodePluginUnavailable, Source: provider.SourceHost, Cause: cause,
		Message: fmt.Sprintf("provider %q: %s", g.spec.Name, strings.TrimSpace(text)),
	}
}

// hurry ends the process although it has calls.
func (g *generation) hurry(why string) {
	g.hurrying.Do(func() {
		g.hurried.Store(&why)
		close(g.haste)
	})
}

// wasUsed reports whether there were calls since it was asked last, or are now.
func (g *generation) wasUsed() bool { return g.used.Swap(false) || g.inFlight() > 0 }

// spoilt says how the process spoils calls by its own fault, "" if it does not.
func (g *generation) spoilt() string {
	faults, calls := g.faults.Load(), g.calls.Load()
	if faults < faultLimit || float64(faults) < faultShare*float64(calls) {
		return ""
	}
	return fmt.Sprintf("%d of %d calls failed by the plugin's own fault", faults, calls)
}

// answers asks the process whether it works. It is false if the answer does not
// come in time or the connection is gone.
func (g *generation) answers(ctx context.Context) bool {
	if g.isAttached() { // at a breakpoint it answers nobody, and is well
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	_, err := g.conn.Health(ctx)
	var e *provider.Error
	return !errors.As(err, &e) || e.Source != provider.SourceHost // an error of its own is an answer
}

const (
	// probeEvery is how often a process is asked whether it works, and
	// probeMisses how often in a row it may fail to answer.
	probeEvery  = 10 * time.Second
	probeMisses = 3
	// probeTimeout bounds one question.
	probeTimeout = 3 * time.Second
)
