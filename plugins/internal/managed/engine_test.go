//go:build unix

package managed

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"
)

// frame is a piece of a container's log as the engine sends it.
func frame(text string) []byte {
	head := [8]byte{0: 1}
	binary.BigEndian.PutUint32(head[4:], uint32(len(text))) //nolint:gosec // a short text
	return append(head[:], text...)
}

func TestTheFramesOfAContainersLogAreTakenApart(t *testing.T) {
	t.Parallel()
	var r ring
	log := slices.Concat(frame("one\ntw"), frame("o\n"), frame(""), frame("three\n"))
	if err := frames(bytes.NewReader(log), &r); err != nil {
		t.Fatal(err)
	}
	if got := r.tail(9); !slices.Equal(got, []string{"one", "two", "three"}) {
		t.Errorf("got %q", got)
	}
	for cut := range len(log) {
		var r ring
		err := frames(bytes.NewReader(log[:cut]), &r)
		whole := cut == 0 || cut == 14 || cut == 24 || cut == 32
		if whole == (err != nil) {
			t.Errorf("cut at %d: got %v", cut, err)
		}
	}
}

func TestGraphicsProcessorsAreAskedForAsTheEngineKnowsThem(t *testing.T) {
	t.Parallel()
	for gpus, want := range map[string]deviceRequest{
		"all": {Count: -1}, "2": {Count: 2}, "device=0,3": {DeviceIDs: []string{"0", "3"}},
	} {
		got := devices(gpus)
		if len(got) != 1 || got[0].Count != want.Count || !slices.Equal(got[0].DeviceIDs, want.DeviceIDs) || got[0].Capabilities[0][0] != "gpu" {
			t.Errorf("%s: got %+v", gpus, got)
		}
	}
	if devices("") != nil {
		t.Error("processors were asked for unasked")
	}
}
