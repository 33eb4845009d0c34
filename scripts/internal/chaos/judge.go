//go:build linux

package main

import (
	"fmt"
	"slices"
	"time"
)

// window is the time in which calls of a provider may fail.
type window struct {
	provider   string
	begin, end time.Time
}

// windows are those of the faults that spoil calls: from the fault until the
// provider serves again. A provider that never does has one without an end.
func windows(answers []answer, faults []fault) []window {
	var all []window
	for _, f := range faults {
		if !f.Kind.spoils() {
			continue
		}
		w := window{f.Provider, f.Begin, time.Now()}
		if next, ok := nextServed(answers, f); ok {
			w.end = next.End
		}
		all = append(all, w)
	}
	return all
}

// nextServed finds the answer that came first of those that were asked for after
// the fault had taken effect.
func nextServed(answers []answer, f fault) (first answer, ok bool) {
	for _, a := range answers {
		if a.Provider == f.Provider && !a.Stream && a.How == served && !a.Begin.Before(f.Done) && (!ok || a.End.Before(first.End)) {
			first, ok = a, true
		}
	}
	return first, ok
}

// excused reports whether something that a provider did wrong between two times
// is the fault's doing.
func excused(all []window, provider string, begin, end time.Time) bool {
	return slices.ContainsFunc(all, func(w window) bool {
		return w.provider == provider && !begin.After(w.end) && !end.Before(w.begin)
	})
}

// judge says what broke the rules: each request has one answer, a stream is whole
// or ends with an error, and only calls of a provider whose process was ended may
// fail, until it serves again.
func judge(answers []answer, faults []fault) []string {
	var wrongs []string
	spoilt := windows(answers, faults)
	for _, a := range answers {
		switch {
		case a.How == served:
		case a.How == failed && excused(spoilt, a.Provider, a.Begin, a.End):
		default:
			wrongs = append(wrongs, fmt.Sprintf("at %s a request of %s %s after %v: %s: %.300s",
				clock(a.Begin), a.Endpoint, a.How, a.End.Sub(a.Begin).Round(time.Millisecond), a.Cause, a.Detail))
		}
	}
	for _, f := range faults {
		if _, ok := nextServed(answers, f); !ok {
			wrongs = append(wrongs, fmt.Sprintf("after %s of %s at %s it served nothing any more", f.Kind, f.Provider, clock(f.Begin)))
		}
		if f.Wrong != "" && (f.Kind.spoils() || f.Kind == badSwap || !excused(spoilt, f.Provider, f.Begin, f.Done)) {
			wrongs = append(wrongs, fmt.Sprintf("%s %s of %s at %s: %s", f.Kind, f.How, f.Provider, clock(f.Begin), f.Wrong))
		}
	}
	return wrongs
}

// judgeStop says what was lost of the requests that had been sent before the host
// was asked to end, and which of the others had no clear end.
func judgeStop(answers []answer, asked time.Time) []string {
	var wrongs []string
	for _, a := range answers {
		before := !a.Sent.IsZero() && a.Sent.Before(asked)
		switch {
		case a.How == served:
		case !before && (a.How == failed || a.How == none): // refused: it came too late
		default:
			wrongs = append(wrongs, fmt.Sprintf("sent %v before the end, a request of %s %s: %s: %.300s",
				asked.Sub(a.Sent).Round(time.Millisecond), a.Endpoint, a.How, a.Cause, a.Detail))
		}
	}
	return wrongs
}

// judgeDeath says which callers of a host that was killed hung or got nonsense;
// an end without a word is what has to be expected then.
func judgeDeath(answers []answer) []string {
	var wrongs []string
	for _, a := range answers {
		if a.How == hung || a.How == wrong {
			wrongs = append(wrongs, fmt.Sprintf("when the host was killed a request of %s %s: %.300s", a.Endpoint, a.How, a.Detail))
		}
	}
	return wrongs
}

func clock(t time.Time) string { return t.Format("15:04:05.000") }
