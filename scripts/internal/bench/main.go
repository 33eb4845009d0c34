// Command bench measures Backplane end to end beside three yardsticks: direct
// calls to the same upstream, httputil.ReverseProxy and a bare fasthttp proxy.
// scripts/bench builds and runs it.
//
// All four run on one machine at the same time and are measured in turn, round
// by round, so that a drift of the machine's speed hits all of them. Compare
// ratios within one run, never figures of two runs. CPU per request counts the
// gateway's processes alone (user and system time of host and plugin); the rate
// of requests is that of the whole system, load generator and upstream included.
//
// With -plugins it measures something else: what a host costs that runs every
// plugin, in time to be ready, memory at rest and size, and the memory that a
// large object takes on its way through.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

type options struct {
	quick    bool
	plugins  bool
	check    bool
	json     bool
	rounds   int
	duration time.Duration
	bin      string
	profile  string
}

func main() {
	if len(os.Args) > 1 && runRole(os.Args[1], os.Args[2:]) {
		return
	}
	var o options
	flag.BoolVar(&o.quick, "quick", false, "shorter runs, done within 60 s")
	flag.BoolVar(&o.plugins, "plugins", false, "measure what all plugins together cost: start, memory, sizes, a large object")
	flag.BoolVar(&o.check, "check", false, "with -plugins, fail if a figure is above its aim")
	flag.BoolVar(&o.json, "json", false, "print one JSON object instead of tables")
	flag.IntVar(&o.rounds, "rounds", 0, "rounds over all targets and cases (default 5, with -quick 2)")
	flag.DurationVar(&o.duration, "duration", 0, "measured time of each case (default 2s, with -quick 500ms)")
	flag.StringVar(&o.bin, "bin", "bin", "folder with the built backplane binary and plugins")
	flag.StringVar(&o.profile, "profile", "", "folder for CPU profiles of host and plugin at 64 requests at once")
	flag.Parse()
	o.setDefaults()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	measure := run
	if o.plugins {
		measure = measurePlugins
	}
	err := measure(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func (o *options) setDefaults() {
	rounds, duration := 5, 2*time.Second
	if o.quick {
		rounds, duration = 2, 500*time.Millisecond
	}
	if o.rounds == 0 {
		o.rounds = rounds
	}
	if o.duration == 0 {
		o.duration = duration
	}
}

// run starts all targets, measures them round by round and prints the result.
func run(ctx context.Context, o options) error {
	targets, stop, err := startTargets(ctx, o.bin)
	if err != nil {
		return err
	}
	defer stop()
	results := newResults()
	for round := range o.rounds {
		for _, c := range cases() {
			if c.hold && round > 0 {
				continue // memory that was used once is not given back
			}
			for _, t := range targets {
				if ctx.Err() != nil {
					return ctx.Err()
				}
				progress("round %d of %d  %s  %s", round+1, o.rounds, c.name, t.name)
				m, err := c.measure(ctx, t, o.duration)
				if err != nil {
					return fmt.Errorf("%s on %s: %w", c.name, t.name, err)
				}
				results.add(c.name, t.name, m)
			}
		}
	}
	progress("")
	if o.profile != "" {
		if err := profile(ctx, targets, o); err != nil {
			return err
		}
	}
	if o.json {
		return results.writeJSON(os.Stdout)
	}
	results.writeTables(os.Stdout)
	return nil
}

// progress shows what is being measured, on a terminal only.
func progress(format string, args ...any) {
	if info, err := os.Stderr.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
		fmt.Fprintf(os.Stderr, "\r%-70s\r", fmt.Sprintf(format, args...))
	}
}
