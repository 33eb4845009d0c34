//go:build linux

// Command chaos runs a host with three providers under load, harms the processes
// of two of them every second, and judges what the callers saw: every request
// must end in exactly one answer, streams must be whole or end with an error, the
// third provider must notice nothing, and nothing may be left behind. The script
// scripts/chaos builds what it needs.
//
// # Where to look
//
//	main.go, run.go       flags, and the phases of a run
//	world.go, variants.go the folder, the configuration, good and bad binaries
//	host.go, admin.go     the host's process, and what it says of itself
//	upstream.go           a service that says the prompt back
//	load.go, call.go      callers, and what each of them demands of its answer
//	faults.go, inflict.go what is done, when, and to whom
//	judge.go, report.go   the verdict
//	traces.go             what a process can leave behind
package main
