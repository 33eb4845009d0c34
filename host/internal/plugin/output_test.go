//go:build unix

package plugin

import (
	"runtime"
	"strings"
	"testing"
)

func TestMaliciousLogLinesDoNoHarm(t *testing.T) {
	t.Parallel()
	p, out := started(t)
	for _, line := range []string{
		`{"@message":1}`, `{"@level":7}`, `{"@level":{"a":1},"@message":[]}`, `{"@timestamp":1,"@message":"m"}`,
		`{"@message":"x","a":` + strings.Repeat("[", 9000) + strings.Repeat("]", 9000) + `}`,
		"\x1b[2J\x1b]0;owned\a", "[ERROR] \r forged", "%s %d %!", strings.Repeat("\x00", 100),
	} {
		mustCall(t, p, "e", wish{Do: "stderr", Text: line})
	}
	mustCall(t, p, "e", wish{Do: "stderr", Text: `{"@level":"warn","@message":"all is well","n":1}`})
	waitLog(t, out, `[WARN]  test.plugin: all is well: n=1`, `{"@message":1}`, `\x1b[2J`)
	if strings.ContainsAny(out.String(), "\x1b\a\x00\r") {
		t.Error("control characters got into the log")
	}
}

func TestAHugeLogLineIsCut(t *testing.T) {
	t.Parallel()
	p, out := started(t)
	mustCall(t, p, "e", wish{Do: "stderr-bytes", Count: 2 << 20})
	mustCall(t, p, "e", wish{Do: "stderr", Text: "after it"})
	waitLog(t, out, "after it", "[cut]")
	if n := len(out.String()); n > 64<<10 {
		t.Errorf("the log has %d bytes", n)
	}
}

func TestAFloodOfLogLinesIsBounded(t *testing.T) {
	t.Parallel()
	p, out := started(t)
	for range 20 {
		mustCall(t, p, "e", wish{Do: "stderr", Text: strings.Repeat("flood ", 20), Count: 5000})
	}
	eventually(t, "the kept lines are the flood's", func() bool {
		log := p.Status(true).Log
		return len(log) == logLines && strings.Contains(log[logLines-1], "flood")
	})
	shutDown(t, p)
	lines := strings.Count(out.String(), "flood flood")
	if lines == 0 || lines > 50_000 {
		t.Errorf("%d lines of 100000 were logged", lines)
	}
	waitLog(t, out, "lines were thrown away")
}

func TestAGigabyteOfLogIsReadInBoundedMemory(t *testing.T) {
	// Not parallel: it looks at the memory of the whole program.
	p, _ := started(t)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	line := strings.Repeat("all work and no play ", 3000)
	mustCall(t, p, "e", wish{Do: "stderr", Text: line, Count: logToRead / len(line)})
	runtime.ReadMemStats(&after)
	if grown := int64(after.Sys) - int64(before.Sys); grown > 128<<20 {
		t.Errorf("the host's memory grew by %d MiB", grown>>20)
	}
	mustCall(t, p, "e", wish{})
}

func TestOutputAfterTheHandshakeIsDrained(t *testing.T) {
	t.Parallel()
	p, out := started(t)
	for range 3 {
		mustCall(t, p, "e", wish{Do: "stdout-bytes", Count: 4 << 20})
	}
	mustCall(t, p, "e", wish{})
	shutDown(t, p)
	if n := strings.Count(out.String(), "plugin prints on standard output"); n != 1 {
		t.Errorf("%d warnings, want 1", n)
	}
}
