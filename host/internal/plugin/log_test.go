package plugin

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-hclog"
)

// safeBuffer is a buffer that several goroutines write to.
type safeBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// testLog returns a logger and what it wrote.
func testLog(level hclog.Level) (hclog.Logger, *safeBuffer) {
	out := &safeBuffer{}
	return hclog.New(&hclog.LoggerOptions{Output: out, Level: level, DisableTime: true}), out
}

func TestParseLine(t *testing.T) {
	t.Parallel()
	tests := []struct {
		line string
		want string
	}{
		{`{"@level":"warn","@message":"hot","@timestamp":"now","b":1.50,"a":"x","c":{"d":[1]}}`, `[WARN] hot a=x b=1.50 c={"d":[1]}`},
		{`{"@message":"no level"}`, `[INFO] no level`},
		{`{"@message":"big","id":12345678901234567890}`, `[INFO] big id=12345678901234567890`},
		{`{"@message":1}`, `[INFO] {"@message":1}`},
		{`{"@level":7}`, `[INFO] {"@level":7}`},
		{`{"@level":7,"@message":"m"}`, `[INFO] m`},
		{`{"@level":"off","@message":"m"}`, `[INFO] m`},
		{`{"@message":null}`, `[INFO] {"@message":null}`},
		{`{"@message":"two"} {}`, `[INFO] {"@message":"two"} {}`},
		{`{`, `[INFO] {`},
		{`[1,2]`, `[INFO] [1,2]`},
		{`plain words`, `[INFO] plain words`},
		{`[ERROR] plain words`, `[ERROR] plain words`},
		{`[odd] plain words`, `[INFO] [odd] plain words`},
		{"a\x1b[31mred\a\xff", `[INFO] a\x1b[31mred\a` + "\uFFFD"},
		{`{"@message":"one\n[ERROR] host: fake","k\n":"v\r"}`, `[INFO] one\n[ERROR] host: fake k\n=v\r`},
	}
	for _, tt := range tests {
		if got := parseLine([]byte(tt.line), false).String(); got != tt.want {
			t.Errorf("parseLine(%q) = %q, want %q", tt.line, got, tt.want)
		}
	}
}

func TestACutLineKeepsItsLevel(t *testing.T) {
	t.Parallel()
	e := parseLine([]byte(`{"@level":"error","@message":"`+strings.Repeat("x", maxLine)), true)
	if e.level != hclog.Error {
		t.Errorf("got level %v", e.level)
	}
	if !strings.HasSuffix(e.message, "[cut]") || len(e.message) > maxMessage+20 {
		t.Errorf("got a message of %d bytes that ends in %q", len(e.message), e.message[len(e.message)-10:])
	}
}

func TestALineHasABoundedNumberOfPairs(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString(`{"@message":"m"`)
	for i := range 1000 {
		fmt.Fprintf(&b, `,"k%d":1`, i)
	}
	b.WriteString("}")
	if got := len(parseLine([]byte(b.String()), false).args); got != 2*maxPairs {
		t.Errorf("got %d arguments", got)
	}
}

func TestTheCrashReportIsKeptAndLoggedAsErrors(t *testing.T) {
	t.Parallel()
	log, out := testLog(hclog.Error)
	l := newProcessLog(log, newRing(10))
	w := l.lines()
	_, _ = w.Write([]byte("starting\npanic: nil map\n\ngoroutine 1 [running]:\nmain.main()\n"))
	if got := l.lastWords(); got != "panic: nil map" {
		t.Errorf("last words are %q", got)
	}
	if got := out.String(); !strings.Contains(got, "panic: nil map") || !strings.Contains(got, "main.main()") || strings.Contains(got, "starting") {
		t.Errorf("logged %q", got)
	}
}

func TestAMessageInJSONIsNoCrashReport(t *testing.T) {
	t.Parallel()
	l := newProcessLog(hclog.NewNullLogger(), newRing(10))
	_, _ = l.lines().Write([]byte(`{"@message":"panic: only words"}` + "\nlater\n"))
	if got := l.lastWords(); got != "later" {
		t.Errorf("last words are %q", got)
	}
}

func TestLastWordsAreTheLineThatMayTellWhy(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                     "",
		"plain\n":              "plain",
		"panic: a\npanic: b\n": "panic: a",
		"{\"@level\":\"error\",\"@message\":\"no key\"}\n{\"@level\":\"info\",\"@message\":\"bye\"}\n": "no key",
		"{\"@level\":\"debug\",\"@message\":\"chatter\"}\n":                                            "",
	} {
		l := newProcessLog(hclog.NewNullLogger(), newRing(1))
		_, _ = l.lines().Write([]byte(text))
		if got := l.lastWords(); got != want {
			t.Errorf("last words of %q are %q, want %q", text, got, want)
		}
	}
}

func TestAFloodIsCountedAndThrownAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log, out := testLog(hclog.Info)
		keep := newRing(3)
		l := newProcessLog(log, keep)
		w := l.lines()
		for i := range 10 * logRate {
			fmt.Fprintf(w, "line %d\n", i)
		}
		if got := strings.Count(out.String(), "line "); got != logRate {
			t.Errorf("%d lines were logged, want %d", got, logRate)
		}
		if got, want := keep.last(3), []string{"[INFO] line 1997", "[INFO] line 1998", "[INFO] line 1999"}; !slices.Equal(got, want) {
			t.Errorf("kept %q, want %q", got, want)
		}
		time.Sleep(time.Second)
		fmt.Fprintln(w, "calm again")
		if got := out.String(); !strings.Contains(got, "lines=1800") || !strings.Contains(got, "calm again") {
			t.Errorf("the log ends in %q", got[len(got)-200:])
		}
	})
}

func TestWhatAFloodDroppedIsReportedAtTheEnd(t *testing.T) {
	t.Parallel()
	log, out := testLog(hclog.Warn)
	l := newProcessLog(log, newRing(3))
	w := l.lines()
	for range 5 * logRate {
		fmt.Fprintln(w, "x")
	}
	l.close()
	if !strings.Contains(out.String(), "lines were thrown away") {
		t.Errorf("logged %q", out)
	}
}

func FuzzParseLine(f *testing.F) {
	for _, seed := range []string{`{"@message":1}`, `{"@level":7}`, `{"@level":"warn","@message":"x","a":{}}`, `[WARN] x`, "\x00\xff", `{"@message":"\ud800"}`} {
		f.Add([]byte(seed), false)
	}
	f.Fuzz(func(t *testing.T, line []byte, cut bool) {
		if len(line) == 0 {
			return
		}
		log := newProcessLog(hclog.New(&hclog.LoggerOptions{Output: &safeBuffer{}, Level: hclog.Trace}), newRing(2))
		log.line(line, cut)
		for _, kept := range log.keep.last(2) {
			if strings.ContainsFunc(kept, unsafeRune) {
				t.Errorf("kept %q", kept)
			}
			if len(kept) > 4*maxMessage+100 {
				t.Errorf("kept %d bytes", len(kept))
			}
		}
	})
}
