package main

import (
	"context"
	"os"
	"path/filepath"
	"time"
)

// profile writes CPU profiles of host and plugin, unary with 64 requests at
// once and 50 streams: cpu-<process>-<case>.pb.gz for `go tool pprof`.
func profile(ctx context.Context, targets []*target, o options) error {
	if err := os.MkdirAll(o.profile, 0o750); err != nil {
		return err
	}
	var ours *target
	for _, t := range targets {
		if t.name == backplane {
			ours = t
		}
	}
	for _, c := range cases() {
		if c.name != "unary-c64" && c.name != "stream-s50" {
			continue
		}
		results := make(chan error, 2)
		for process, socket := range map[string]string{"host": ours.admin, "plugin": ours.debug} {
			go func() {
				data, err := get(socket, "/debug/pprof/profile?seconds=4")
				if err == nil {
					err = os.WriteFile(filepath.Join(o.profile, "cpu-"+process+"-"+c.name+".pb.gz"), data, 0o600)
				}
				results <- err
			}()
		}
		if _, err := c.measure(ctx, ours, 5*time.Second); err != nil {
			return err
		}
		for range 2 {
			if err := <-results; err != nil {
				return err
			}
		}
	}
	return nil
}
