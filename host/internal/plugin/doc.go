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
// supervisor starts one after a backoff.
//
// # Where to look
//
//	find.go, describe.go       the binary on disk and its manifest
//	process.go, stdout.go      one child process: pipes, group, exit
//	lines.go, log.go           what it writes, read without trusting it
//	launch.go, generation.go   from a child process to something that takes calls
//	stop.go                    the ladder of ever stronger requests to end
//	supervise.go, state.go     the state machine
//	call.go, endpoints.go      what the rest of the host uses
//
// # Trust
//
// The plugin is a separate program that may be broken or hostile. It gets an
// environment made from an explicit list, a private directory, and no terminal.
// Nothing it prints is parsed by code that can panic, everything kept from it
// is bounded, and every wait for it has a deadline.
package plugin
