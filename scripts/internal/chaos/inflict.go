//go:build linux

package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"syscall"
	"time"
)

// signal kills, terminates or freezes a process.
func (a *agent) signal(f *fault, pid int, pause time.Duration) {
	process, err := os.FindProcess(pid) // holds on to this very process, not to the number
	if err != nil {
		return
	}
	signals := map[kind]os.Signal{kill: syscall.SIGKILL, term: syscall.SIGTERM, freeze: syscall.SIGSTOP}
	if process.Signal(signals[f.Kind]) != nil {
		return // it had ended
	}
	if f.Kind == freeze {
		f.Done = time.Now()
		time.Sleep(pause)
		_ = process.Signal(syscall.SIGCONT) // it may have been killed meanwhile
		return
	}
	for limit := time.Now().Add(patience); time.Now().Before(limit); time.Sleep(time.Millisecond) {
		if process.Signal(syscall.Signal(0)) != nil {
			return
		}
	}
	f.Wrong = fmt.Sprintf("process %d lives %v after the signal", pid, patience)
}

// flood makes echo write more into its log than the host takes.
func (a *agent) flood(f *fault) {
	c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	if got := ask(c, a.host.base, question{provider: echoProvider, endpoint: "echo", prompt: "flood please"}); got.How != served && got.How != failed {
		f.Wrong = fmt.Sprintf("the flooding request: %s: %s", got.How, got.Detail)
	}
}

// swap has a provider run a new binary that works.
func (a *agent) swap(f *fault) {
	if err := a.world.putGood(f.Provider, a.next()); err != nil {
		f.Wrong = err.Error()
		return
	}
	f.Begin = time.Now()
	s, err := a.host.change("swap", f.Provider)
	f.Took = s.Took
	switch {
	case err != nil:
		f.Wrong = err.Error()
	case !s.Changed:
		f.Wrong = "a new binary was taken for no change"
	}
}

// badSwap has it try one that does not, and puts a good one back.
func (a *agent) badSwap(f *fault) {
	number := a.next()
	if err := a.world.putBad(context.Background(), f.Provider, f.How, number); err != nil {
		f.Wrong = err.Error()
		return
	}
	f.Begin = time.Now()
	f.Done = f.Begin // the provider is to serve all the while
	if _, err := a.host.change("swap", f.Provider); !refusedRightly(f.How, err) {
		f.Wrong = fmt.Sprintf("not refused for what it is, but: %v", err)
	}
	if err := a.world.putGood(f.Provider, number); err != nil {
		f.Wrong = err.Error()
	}
}

func (a *agent) restart(f *fault) {
	s, err := a.host.change("restart", f.Provider)
	f.Took = s.Took
	if err != nil {
		f.Wrong = err.Error()
	}
}

// reload changes a setting of the endpoint echo in the file and tells the host.
func (a *agent) reload(f *fault) {
	revision := a.next()
	if err := a.world.configure(revision); err != nil {
		f.Wrong = err.Error()
		return
	}
	f.Begin = time.Now()
	if err := a.host.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		f.Wrong = err.Error()
		return
	}
	for limit := time.Now().Add(deadline); time.Now().Before(limit); time.Sleep(10 * time.Millisecond) {
		e, err := a.host.endpoint("echo")
		if err != nil {
			f.Wrong = err.Error()
			return
		}
		if fmt.Sprint(e.Settings["seed"]) == fmt.Sprint(revision) {
			return
		}
	}
	f.Wrong = fmt.Sprintf("the configuration was not in effect %v after SIGHUP", deadline)
}
