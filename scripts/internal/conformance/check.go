package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/backplane-dev/backplane/sdk/providertest"
)

// row is what came of one plugin.
type row struct {
	name    string
	results []providertest.Result
	took    time.Duration
	err     error  // of the command, or of what comes before it
	output  string // what it said, beside the results
}

func (r row) count(o providertest.Outcome) (n int) {
	for _, result := range r.results {
		if result.Outcome == o {
			n++
		}
	}
	return n
}

// broken reports whether the plugin did not pass.
func (r row) broken() bool {
	return r.err != nil || r.count(providertest.Passed) == 0 || r.count(providertest.Failed) > 0
}

// test is the test of every plugin that lends out its profile.
const test = "TestConformanceOfTheBinary"

// checkPlugin borrows the plugin's profile and gives it to the command.
func checkPlugin(ctx context.Context, dir, name string) row {
	r := row{name: name}
	profile, giveBack, err := borrow(ctx, dir, name)
	if err != nil {
		r.err = err
		return r
	}
	defer giveBack()
	begin := time.Now()
	cmd := exec.CommandContext(ctx, binary, "conformance", "-json", "-profile", profile, prefix+name)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	r.err = cmd.Run()
	r.took, r.output = time.Since(begin), stderr.String()
	for line := range bytes.Lines(stdout.Bytes()) {
		var result providertest.Result
		if err := json.Unmarshal(line, &result); err != nil {
			r.err = errors.Join(r.err, fmt.Errorf("the line %q is no result: %w", line, err))
			continue
		}
		r.results = append(r.results, result)
		if result.Outcome == providertest.Failed {
			r.output += result.String() + "\n"
		}
	}
	return r
}

// borrow starts the plugin's own test, which puts up the fake of its service,
// and returns the file that describes it.
func borrow(ctx context.Context, dir, name string) (profile string, giveBack func(), err error) {
	folder, err := filepath.Abs(filepath.Join("plugins", name))
	if err != nil {
		return "", nil, err
	}
	program, profile := filepath.Join(dir, name+".test"), filepath.Join(dir, name+".json")
	if out, err := exec.CommandContext(ctx, "go", "test", "-c", "-o", program, "./plugins/"+name).CombinedOutput(); err != nil {
		return "", nil, fmt.Errorf("build the plugin's tests: %w\n%s", err, out)
	}
	cmd := exec.CommandContext(ctx, program, "-test.run", "^"+test+"$", "-test.v")
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), "PROVIDERTEST_LEND="+profile)
	cmd.WaitDelay = 10 * time.Second
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	stdin, err := cmd.StdinPipe() // its end is what gives the service back
	if err != nil {
		return "", nil, err
	}
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait() // the state says how it ended
	}()
	for {
		if _, err := os.Stat(profile); err == nil {
			return profile, func() {
				_ = stdin.Close()      // it may have ended already
				<-ended                // however it ended, the cases have been told
				_ = os.Remove(program) // a temporary file, in a folder that is removed
			}, nil
		}
		select {
		case <-ended:
			return "", nil, fmt.Errorf("plugins/%s has no test %s that lends out its service (%s):\n%s", name, test, cmd.ProcessState, said.String())
		case <-time.After(10 * time.Millisecond):
		}
	}
}
