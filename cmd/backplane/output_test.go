package main

import (
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/sdk/provider"
)

func TestNotesInATableLeaveItsColumnsAligned(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	table := newTable(&out, "NAME", "STATE")
	table.row("a", "ready")
	table.note("binary", "/bin/a")
	table.row("longer", "")
	table.note("reason", "")
	table.note("reason", "gone")
	if err := table.flush(); err != nil {
		t.Fatal(err)
	}
	want := "NAME    STATE\na       ready\n  binary     /bin/a\nlonger  -\n  reason     gone\n"
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

func TestTablesNameTheFirstOperationsAndCountTheRest(t *testing.T) {
	t.Parallel()
	ops := []provider.Operation{{Name: "a"}, {Name: "b"}, {Name: "c"}, {Name: "d"}, {Name: "e"}, {Name: "f"}, {Name: "g"}}
	for n, want := range map[int]string{0: "", 1: "a", 6: "a,b,c,d,e,f", 7: "a,b,c,d,e,+2"} {
		if got := operations(ops[:n], ","); got != want {
			t.Errorf("%d operations: %q, want %q", n, got, want)
		}
	}
}
