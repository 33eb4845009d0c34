// Package plugin finds, describes, starts and supervises provider processes.
// It is for the host alone.
//
// A [Provider] stands for one configured plugin through all of its processes.
// Each process is a generation: started, asked who it is, configured, given
// every remembered endpoint, and only then published, so that no call ever
// meets a half-ready process. Calls take a lease on the published generation
// and give it back after the terminal event. When a process ends, the pointer
// to it is withdrawn at once, calls in flight fail with an error that says how
// the process ended, new ones wait a bounded time for the next process, and the
// supervisor starts one after a backoff; after too many crashes the provider is
// in quarantine.
//
// A change of binary or settings makes a new generation beside the present one.
// It is published, and only then the old one drains: a call always finds one that
// takes it. What was changed is on trial for a while, with its predecessor within
// reach.
//
// # Where to look
//
//	find.go, describe.go       the binary on disk and its manifest
//	process.go, stdout.go      one child process: pipes, group, exit
//	lines.go, log.go           what it writes, read without trusting it
//	launch.go, generation.go   from a child process to something that takes calls
//	stop.go                    the ladder of ever stronger requests to end
//	supervise.go, state.go     the state machine
//	swap.go, trial.go,         changes without a failed call, and back
//	previous.go
//	crashes.go, backoff.go     when to start again after a crash
//	status.go, usage_*.go      what the operator sees
//	call.go, endpoints.go      what the rest of the host uses
//
// # Trust
//
// The plugin is a separate program that may be broken or hostile. It gets an
// environment made from an explicit list, a private directory, no terminal, and
// is confined (package confine). What is executed are the bytes that were read
// when the provider was set up (package binary).
// Nothing it prints is parsed by code that can panic, everything kept from it
// is bounded, and every wait for it has a deadline.
package plugin
