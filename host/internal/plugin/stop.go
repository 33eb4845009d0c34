package plugin

import (
	"context"
	"time"

	"github.com/eapache/go-resiliency/deadline"
	"github.com/hashicorp/go-hclog"
	"google.golang.org/protobuf/types/known/emptypb"
)

// The limits of the steps by which a process is ended. A frozen process takes
// all of drainLimit, shutdownLimit and terminateLimit.
const (
	drainLimit     = time.Second      // for the answer to Drain
	leaseLimit     = 10 * time.Second // for calls in flight, if the caller sets none
	shutdownLimit  = 2 * time.Second  // from go-plugin's Shutdown to the exit
	terminateLimit = time.Second      // from SIGTERM to the exit
	cleanUpLimit   = 5 * time.Second  // for go-plugin's own clean-up
)

// shutdownMethod is go-plugin's own request to end. It is sent here, with a
// deadline, since the library sends it without one.
const shutdownMethod = "/plugin.GRPCController/Shutdown"

// stop ends the generation by ever stronger means: let calls finish for the given
// time, announce, ask, SIGTERM, SIGKILL. Once ctx ends it goes straight to the last one. It
// returns when nothing of the process is left, and never blocks for longer than
// the limits above.
func (g *generation) stop(ctx context.Context, drain time.Duration, log hclog.Logger) {
	g.stopping.Store(true)
	g.drain()
	// Drain comes after the leases: a call that has one may still be on its way to
	// the process, which would refuse it.
	g.awaitLeases(ctx, drain)
	if g.conn != nil {
		g.conn.Close() // a server that stops in good order waits for its streams
	}
	if g.isAttached() { // not ours to end, and to serve the next host
		g.destroy(log)
		return
	}
	g.announce(ctx)
	if !g.ask(ctx) {
		log.Warn("provider process does not end when asked to; terminating it", "pid", g.proc.pid())
		g.proc.terminate()
		within(ctx, terminateLimit, g.proc.exited)
	}
	g.destroy(log)
}

// retire ends a generation that was replaced, once its calls have finished, the
// time drain has passed, it is in the way, or life has ended; then stop bounds
// the rest.
func (g *generation) retire(life context.Context, drain time.Duration, stop func() context.Context, log hclog.Logger) {
	timer := time.NewTimer(drain)
	defer timer.Stop()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	select {
	case <-g.drained:
	case <-g.proc.exited: // not asked to: its calls learn how it ended
		within(ctx, exitWait, g.proc.finished)
		log.Warn("replaced process ended before its calls", "generation", g.id, "exit", g.howItEnded(), "calls_in_flight", g.inFlight())
		g.drain()
		g.destroy(log)
		return
	case <-timer.C:
		g.hurry("its process was replaced, and drain_timeout of " + drain.String() + " is over")
		cancel()
	case <-g.haste:
		cancel()
	case <-life.Done():
		ctx = stop()
	}
	if n := g.inFlight(); n > 0 && ctx.Err() != nil {
		log.Warn("calls are cut off: their process was replaced", "generation", g.id, "calls", n)
	}
	g.stop(ctx, leaseLimit, log)
	log.Info("replaced process is stopped", "generation", g.id, "exit", g.proc.exit())
}

// awaitLeases waits for the calls in flight.
func (g *generation) awaitLeases(ctx context.Context, limit time.Duration) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { // a process that is gone answers none of them
		select {
		case <-g.proc.exited:
			cancel()
		case <-ctx.Done():
		}
	}()
	within(ctx, limit, g.drained)
}

// announce tells the process that it is about to be stopped, so that it can
// bring what it still works on to an end. Whether it listens is of no importance.
func (g *generation) announce(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, drainLimit)
	defer cancel()
	_ = g.conn.Drain(ctx, shutdownLimit)
}

// ask sends the request to end and reports whether the process did. It often
// exits without an answer.
func (g *generation) ask(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, shutdownLimit)
	defer cancel()
	_ = g.grpc.Invoke(ctx, shutdownMethod, &emptypb.Empty{}, &emptypb.Empty{})
	return within(ctx, shutdownLimit, g.proc.exited)
}

// destroy removes all that is left of a generation, dead or alive: the process
// group, go-plugin's goroutines and connection, the directory.
func (g *generation) destroy(log hclog.Logger) {
	started := g.proc.kill()
	if started && !within(context.Background(), killWait, g.proc.finished) {
		log.Error("provider process survives SIGKILL: it is stuck in the kernel", "pid", g.proc.pid())
	}
	if g.isAttached() {
		return
	}
	// Client.Kill takes no context and is known to block.
	err := deadline.New(cleanUpLimit).Run(func(<-chan struct{}) error {
		g.plugin.Kill()
		return nil
	})
	if err != nil {
		log.Error("go-plugin does not let go of the provider's process", "pid", g.proc.pid(), "error", err)
	}
	if err := g.proc.remove(); err != nil {
		log.Warn("cannot remove the plugin's directory", "directory", g.proc.dir.path, "error", err)
	}
}

// within waits until done is closed, at most for limit and until ctx ends. It
// reports whether done was closed.
func within(ctx context.Context, limit time.Duration, done <-chan struct{}) bool {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}
