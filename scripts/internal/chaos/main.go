package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

// options are the command line.
type options struct {
	duration time.Duration // of the main phase
	every    time.Duration // between two faults
	rate     int           // unary requests a second
	streams  int           // at all times
	seed     uint64
	kinds    []kind
	bin      string // folder of the binaries
	keep     bool   // the folder of the run
	json     bool
}

func main() {
	o, err := parse(os.Args[1:], os.Stderr)
	if err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	r, err := run(ctx, o)
	if err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		os.Exit(1)
	}
	if err := r.write(os.Stdout, o.json); err != nil || len(r.Violations) > 0 {
		os.Exit(1)
	}
}

func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	fs := flag.NewFlagSet("chaos", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.DurationVar(&o.duration, "duration", time.Minute, "length of the main phase")
	fs.DurationVar(&o.every, "every", time.Second, "time between two faults")
	fs.IntVar(&o.rate, "rate", 200, "requests a second")
	fs.IntVar(&o.streams, "streams", 20, "streams at all times")
	fs.Uint64Var(&o.seed, "seed", 0, "makes the choice of faults repeatable; 0 takes one at random")
	faults := fs.String("faults", "", "only these, separated by commas; all are: "+join(allKinds))
	fs.StringVar(&o.bin, "bin", "bin", "folder of the binaries")
	fs.BoolVar(&o.keep, "keep", false, "keep the folder of the run, with the host's log")
	fs.BoolVar(&o.json, "json", false, "write the report as JSON")
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	if o.seed == 0 {
		o.seed = rand.Uint64()
	}
	o.kinds = allKinds
	if *faults != "" {
		o.kinds = nil
		for name := range strings.SplitSeq(*faults, ",") {
			if !slices.Contains(allKinds, kind(name)) {
				return o, fmt.Errorf("there is no fault %q; there are: %s", name, join(allKinds))
			}
			o.kinds = append(o.kinds, kind(name))
		}
	}
	if fs.NArg() > 0 || o.duration <= 0 || o.every <= 0 || o.rate <= 0 || o.streams < 0 {
		return o, errors.New("durations and the rate must be positive, and there are no arguments but flags")
	}
	return o, nil
}

func join(kinds []kind) string {
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = string(k)
	}
	return strings.Join(names, ",")
}
