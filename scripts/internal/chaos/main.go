//go:build linux

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

func main() { os.Exit(program(os.Args[1:], os.Stdout, os.Stderr)) }

// program returns 0 if no rule was broken, 1 if one was or there is no result, 2
// for wrong flags.
func program(args []string, stdout, stderr io.Writer) int {
	o, err := parse(args, stderr)
	if err != nil {
		_, _ = fmt.Fprintln(stderr, "chaos:", err)
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	r, err := run(ctx, o)
	if err == nil {
		err = r.write(stdout, o.json)
	}
	if err != nil {
		_, _ = fmt.Fprintln(stderr, "chaos:", err)
		return 1
	}
	if len(r.Violations) > 0 {
		return 1
	}
	return 0
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
