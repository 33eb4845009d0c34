package plugin

import (
	"bytes"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
)

const (
	// logLines is how many lines are kept for the operator.
	logLines = 200
	// maxMessage bounds what is kept and logged of one line.
	maxMessage = 4 << 10
	// logRate is how many lines a second one process may log; more are counted
	// and thrown away, so that a plugin in a loop cannot fill the host's disk.
	logRate = 200
)

// processLog takes what one process writes for people and logs it under the
// plugin's name. It trusts nothing about it: lines are cut, made printable and
// limited in rate. It is safe for concurrent use.
type processLog struct {
	log  hclog.Logger
	keep *ring // shared by all processes of the provider

	mu      sync.Mutex
	panic   string // the first line of a crash report
	words   string // the latest line that may tell why a process ends
	crashed bool   // the lines now are part of a crash report
	second  time.Time
	count   int
	dropped int
}

func newProcessLog(log hclog.Logger, keep *ring) *processLog {
	return &processLog{log: log, keep: keep}
}

// lines returns a writer for one stream of the process.
func (l *processLog) lines() *lines { return &lines{emit: l.line} }

// line logs one line.
func (l *processLog) line(raw []byte, cut bool) {
	if len(bytes.TrimSpace(raw)) == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	admitted := l.admit(time.Now())
	var e entry
	if admitted {
		e = parseLine(raw, cut)
	} else { // a flood: keep the line, but spend no time on reading it
		e = entry{level: hclog.Info, message: printable(string(raw), maxMessage), plain: raw[0] != '{'}
	}
	l.noteCrash(&e)
	l.keep.add(e.String())
	if e.plain || e.level >= hclog.Warn {
		l.words = e.text()
	}
	if admitted {
		l.log.Log(e.level, e.message, e.args...)
	}
}

// noteCrash recognises the Go runtime's crash report, which is plain text: its
// first line is kept for the error that callers get, and all of it is logged as
// errors.
func (l *processLog) noteCrash(e *entry) {
	if !e.plain {
		return
	}
	if strings.HasPrefix(e.message, "panic: ") || strings.HasPrefix(e.message, "fatal error: ") {
		l.crashed = true
		if l.panic == "" {
			l.panic = e.message
		}
	}
	if l.crashed {
		e.level = hclog.Error
	}
}

// admit applies the rate limit and reports what it threw away.
func (l *processLog) admit(now time.Time) bool {
	if now.Sub(l.second) >= time.Second {
		l.reportDropped()
		l.second, l.count = now, 0
	}
	l.count++
	if l.count > logRate {
		l.dropped++
		return false
	}
	return true
}

func (l *processLog) reportDropped() {
	if l.dropped > 0 {
		l.log.Warn("plugin logs too much: lines were thrown away", "lines", l.dropped, "limit_per_second", logRate)
		l.dropped = 0
	}
}

// close reports what is still to be reported, once the process has ended.
func (l *processLog) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reportDropped()
}

// lastWords is what the process said about its end: the first line of its crash
// report, else its last line that is a warning, an error or plain text; "" if it
// said nothing of the kind.
func (l *processLog) lastWords() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.panic != "" {
		return printable(l.panic, 300)
	}
	return printable(l.words, 300)
}
