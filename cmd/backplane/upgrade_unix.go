//go:build unix

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"github.com/backplane-dev/backplane/host"
	"github.com/backplane-dev/backplane/host/handover"
)

// upgradeTimeout is how long a successor has until its plugins run.
const upgradeTimeout = time.Minute

// serveUntilReplaced waits for the end of ctx. SIGUSR2 starts the binary anew,
// which may be another by now, and hands the listening sockets over; once the
// successor is ready this returns, so that this host drains and ends. A successor
// that fails changes nothing.
func serveUntilReplaced(ctx context.Context, std streams, h *host.Host) {
	upgrades := make(chan os.Signal, 1)
	signal.Notify(upgrades, syscall.SIGUSR2)
	defer signal.Stop(upgrades)
	for {
		select {
		case <-ctx.Done():
			return
		case <-upgrades:
		}
		std.say("upgrade: starting a successor")
		pid, err := startSuccessor(ctx, h)
		if err == nil {
			std.say("upgrade: process %d has taken over; waiting for the running requests", pid)
			return
		}
		std.say("upgrade: %v; this host runs on", err)
	}
}

// startSuccessor starts the binary at this program's path with the same
// arguments.
func startSuccessor(ctx context.Context, h *host.Host) (pid int, err error) {
	self, err := os.Executable()
	if err != nil {
		return 0, fmt.Errorf("find the binary: %w", err)
	}
	cmd := exec.Command(self, os.Args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := handover.Start(ctx, cmd, h.Sockets(), upgradeTimeout); err != nil {
		return 0, err
	}
	return cmd.Process.Pid, nil
}
