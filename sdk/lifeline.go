package sdk

import (
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/backplane-dev/backplane/sdk/client"
)

const (
	// parentPoll is how often a plugin without a lifeline looks for its parent.
	parentPoll = time.Second
	// stopGrace is the time for an orderly end once the host is gone.
	stopGrace = 2 * time.Second
)

// followHost stops serving once the host is gone, so that no orphan stays.
func (s *service) followHost(env func(string) string) {
	if !waitLifeline(env(client.LifelineEnv)) {
		waitParent(os.Getppid(), os.Getppid, time.Sleep)
	}
	slog.Warn("the host is gone, the plugin ends")
	time.AfterFunc(stopGrace, func() { os.Exit(exitFault) })
	if server := s.grpc.Load(); server != nil {
		server.Stop() // removes the socket; plugin.Serve then returns
		return
	}
	os.Exit(exitFault)
}

// waitLifeline reads the file descriptor with the given number to its end. It
// returns false at once if there is none.
func waitLifeline(number string) bool {
	if number == "" {
		return false
	}
	file, err := openLifeline(number)
	if err != nil {
		slog.Warn("no lifeline, watching the parent process instead", client.LifelineEnv, number, "error", err)
		return false
	}
	_, _ = io.Copy(io.Discard, file) // an error is an end as well
	return true
}

// waitParent returns once the parent process is another one than at the start:
// orphans are given to init or a reaper.
func waitParent(parent int, getppid func() int, sleep func(time.Duration)) {
	for getppid() == parent {
		sleep(parentPoll)
	}
}
