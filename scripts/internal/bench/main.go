// Command bench measures Backplane end to end beside three yardsticks: direct
// calls to the same upstream, httputil.ReverseProxy and a bare fasthttp proxy.
// scripts/bench builds and runs it.
//
// # How it measures
//
// All four run on one machine at the same time and are measured in turn, round
// by round and in random order, so that a drift of the machine's speed hits all of
// them. A ratio is taken inside one round; what is printed is the median over
// rounds with the least and the greatest. Compare ratios within one run, never
// figures of two runs.
//
// CPU per request counts the product's processes alone: user and system time of
// the host and of all processes below it, by the kernel's own clock of a process.
// The rate of requests is that of the whole system, load generator and upstream
// included. What is about memory is measured on processes started for it, since
// memory that was used once is not given back. Allocations are counted, not
// sampled: the runtime's count before and after a fixed number of requests.
//
// # What else it measures
//
// With -against it compares this tree with another revision, side by side. With
// -profile it writes profiles. With -objects it counts allocations alone, which
// takes seconds and depends on no clock. With -plugins it measures what a host
// costs that runs every plugin, in time to be ready, memory at rest and size, and
// the memory that a large object takes on its way through.
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
	objects  bool
	check    bool
	json     bool
	publish  bool
	rounds   int
	duration time.Duration
	cases    string
	bin      string
	profile  string
	against  string
	// failAbove is the ratio from which on a comparison fails; 0 never does.
	failAbove float64
}

func main() {
	if len(os.Args) > 1 && runRole(os.Args[1], os.Args[2:]) {
		return
	}
	o := readOptions()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := o.mode()(ctx, o)
	stop()
	if err != nil {
		progress("")
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func readOptions() options {
	var o options
	flag.BoolVar(&o.quick, "quick", false, "shorter runs of fewer cases, done within 60 s")
	flag.BoolVar(&o.plugins, "plugins", false, "measure what all plugins together cost: start, memory, sizes, a large object")
	flag.BoolVar(&o.objects, "objects", false, "count the heap allocations of a request and nothing else")
	flag.BoolVar(&o.check, "check", false, "with -plugins or -objects, fail if a figure is above its bound")
	flag.BoolVar(&o.json, "json", false, "print one JSON object instead of tables")
	flag.BoolVar(&o.publish, "publish", false, "write the figures into README.md and host/README.md too")
	flag.IntVar(&o.rounds, "rounds", 0, "rounds over all targets and cases (default 5; with -against 7; with -quick 2)")
	flag.DurationVar(&o.duration, "duration", 0, "measured time of each case (default 800ms, with -quick 500ms)")
	flag.StringVar(&o.cases, "cases", "", "measure only the cases whose names match one of these patterns, such as unary-*,stream-s50")
	flag.StringVar(&o.bin, "bin", "bin", "folder with the built backplane binary and plugins")
	flag.StringVar(&o.profile, "profile", "", "write CPU and allocation profiles of host and plugin into this folder, for -cases (default unary-c64,stream-s50)")
	flag.StringVar(&o.against, "against", "", "compare with this revision, side by side")
	flag.Float64Var(&o.failAbove, "fail-above", 0, "with -against, fail if a measure is worse by more than this ratio, beyond the noise")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "bench: %q is no flag; see scripts/bench -help\n", flag.Arg(0))
		os.Exit(2)
	}
	o.setDefaults()
	return o
}

func (o *options) setDefaults() {
	rounds, duration := 5, 800*time.Millisecond
	if o.against != "" {
		rounds = 7
	}
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

// mode is what the flags ask for.
func (o options) mode() func(context.Context, options) error {
	switch {
	case o.plugins:
		return measurePlugins
	case o.objects:
		return countObjects
	case o.profile != "":
		return writeProfiles
	case o.against != "":
		return compareRevisions
	default:
		return compareYardsticks
	}
}

// compareYardsticks measures Backplane beside the yardsticks and prints the result.
func compareYardsticks(ctx context.Context, o options) error {
	w, err := newWorld(ctx, map[string]string{backplane: o.bin})
	if err != nil {
		return err
	}
	defer w.stop()
	if err := w.startTargets(direct, fasthttpName, reverseproxy, backplane); err != nil {
		return err
	}
	results, err := w.measureAll(o)
	if err != nil {
		return err
	}
	if o.publish {
		if err := results.publish("."); err != nil {
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
