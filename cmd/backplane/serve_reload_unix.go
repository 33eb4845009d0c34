//go:build unix

package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/backplane-dev/backplane/host"
	"github.com/backplane-dev/backplane/host/status"
)

// reloadOnSignal has every SIGHUP read the configuration anew, until ctx ends or
// the function that it returns is called. What came of it is told on standard
// error: nobody waits for an answer.
func reloadOnSignal(ctx context.Context, std streams, h *host.Host) (stop func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGHUP)
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-signals:
				p, err := h.Reload(ctx)
				sayReload(std, p, err)
			}
		}
	}()
	return func() {
		signal.Stop(signals)
		cancel()
	}
}

// sayReload tells what a reload has done.
func sayReload(std streams, p status.Plan, err error) {
	if err != nil {
		std.say("reload: %v", err)
		return
	}
	std.say("reload: %s: %s", p.File, count(p.Changes(), "change"))
	for _, s := range p.Steps {
		if s.Problem != "" {
			std.say("reload: %s %q: %s", s.Kind, s.Name, s.Problem)
		}
	}
}
