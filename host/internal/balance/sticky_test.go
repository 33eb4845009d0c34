package balance

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

var sticky = Rule{Kind: Weighted, Sticky: "x-session"}

func stuck(value string, list ...*fake) []string {
	order := slices.Clone(list)
	Order(sticky, value, order)
	return ids(order)
}

func TestClientsAreSpreadByWeight(t *testing.T) {
	t.Parallel()
	const n = 50_000
	count := make(map[string]int)
	for i := range n {
		count[stuck(fmt.Sprintf("client-%d", i), &fake{id: "a", weight: 1}, &fake{id: "b", weight: 3}, &fake{id: "c"}, &fake{id: "d", weight: 6})[0]]++
	}
	for id, share := range map[string]float64{"a": 0.1, "b": 0.3, "c": 0, "d": 0.6} {
		wantShare(t, id, count[id], n, share)
	}
}

// TestAClientStaysAtItsEndpoint holds the ranking to rendezvous hashing's
// promise: what happens to one endpoint moves no client between two others.
func TestAClientStaysAtItsEndpoint(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.StringN(1, -1, 40).Draw(t, "value")
		n := rapid.IntRange(2, 7).Draw(t, "n")
		list := make([]*fake, n)
		for i := range list {
			list[i] = &fake{id: fmt.Sprintf("endpoint-%d", i), weight: rapid.IntRange(0, 4).Draw(t, "weight")}
		}
		order := stuck(value, list...)
		shuffled := slices.Clone(list)
		if slices.ContainsFunc(list, func(f *fake) bool { return f.weight == 0 }) {
			shuffled = list // those of weight 0 keep their order
		} else {
			slices.Reverse(shuffled)
		}
		for _, f := range shuffled { // neither their load nor their order matters
			f.closed, f.inFlight = true, 7
		}
		if got := stuck(value, shuffled...); !slices.Equal(got, order) {
			t.Fatalf("the order changed from %v to %v", order, got)
		}
		gone := rapid.IntRange(0, n-1).Draw(t, "gone")
		left := slices.DeleteFunc(slices.Clone(order), func(id string) bool { return id == list[gone].id })
		if got := stuck(value, slices.Delete(slices.Clone(list), gone, gone+1)...); !slices.Equal(got, left) {
			t.Fatalf("without %s the order is %v, want %v", list[gone].id, got, left)
		}
	})
}

func TestTheClientsOfAnEndpointThatFailsSpreadOverTheOthers(t *testing.T) {
	t.Parallel()
	const n = 40_000
	second := make(map[string]int)
	moved := 0
	for i := range n {
		order := stuck(fmt.Sprintf("client-%d", i), &fake{id: "a", weight: 1}, &fake{id: "b", weight: 1}, &fake{id: "c", weight: 1}, &fake{id: "d", weight: 1})
		if order[0] == "b" {
			moved++
			second[order[1]]++
		}
	}
	for _, id := range []string{"a", "c", "d"} {
		wantShare(t, id, second[id], moved, 1./3)
	}
}

func TestARequestWithoutTheHeaderIsBalanced(t *testing.T) {
	t.Parallel()
	const n = 10_000
	count := firsts(sticky, n, &fake{id: "a", weight: 1}, &fake{id: "b", weight: 1})
	wantShare(t, "a", count["a"], n, 0.5)
}

// TestClientsKeepTheirHomesInLaterVersions: who changes these figures moves
// every client of a sticky route to another endpoint.
func TestClientsKeepTheirHomesInLaterVersions(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		value, id string
		want      uint64
	}{
		{"", "", 0x1bbd5c813c69a8d7}, {"alice", "fast", 0x4f9abddd4a0c05b8},
		{"alice", "slow", 0xebcf6a455963fcb9}, {"bob", "fast", 0xb3d855b7093560e},
	} {
		if got := hash(tt.value, tt.id); got != tt.want {
			t.Errorf("{%q, %q, %#x},", tt.value, tt.id, got)
		}
	}
}
