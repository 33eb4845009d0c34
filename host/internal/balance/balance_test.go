package balance

import (
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// fake is a fake endpoint.
type fake struct {
	id       string
	weight   int
	closed   bool
	inFlight int
	latency  time.Duration
}

func (f *fake) ID() string             { return f.id }
func (f *fake) Weight() int            { return f.weight }
func (f *fake) Available() bool        { return !f.closed }
func (f *fake) InFlight() int          { return f.inFlight }
func (f *fake) Latency() time.Duration { return f.latency }

func ids(list []*fake) []string {
	names := make([]string, len(list))
	for i, f := range list {
		names[i] = f.id
	}
	return names
}

// firsts counts how often each endpoint is first in n orders.
func firsts(rule Rule, n int, list ...*fake) map[string]int {
	count := make(map[string]int)
	for range n {
		order := slices.Clone(list)
		Order(rule, "", order)
		count[order[0].id]++
	}
	return count
}

// wantShare checks that got of n is the share p within five standard
// deviations, which chance exceeds once in about two million times.
func wantShare(t *testing.T, name string, got, n int, p float64) {
	t.Helper()
	sigma := math.Sqrt(float64(n) * p * (1 - p))
	if off := math.Abs(float64(got) - float64(n)*p); off > 5*sigma+1e-9 {
		t.Errorf("%s: %d of %d, want a share of %.4f (off by %.1f standard deviations)", name, got, n, p, off/sigma)
	}
}

func TestOrderedKeepsTheOrder(t *testing.T) {
	t.Parallel()
	list := []*fake{{id: "a", closed: true, inFlight: 9}, {id: "b"}, {id: "c"}}
	Order(Rule{}, "", list)
	if got := ids(list); !slices.Equal(got, []string{"a", "b", "c"}) {
		t.Errorf("got %v", got)
	}
}

func TestWeightsAreShares(t *testing.T) {
	t.Parallel()
	const n = 200_000
	count := firsts(Rule{Kind: Weighted}, n, &fake{id: "a", weight: 1}, &fake{id: "b", weight: 3}, &fake{id: "c"}, &fake{id: "d", weight: 6})
	for id, share := range map[string]float64{"a": 0.1, "b": 0.3, "c": 0, "d": 0.6} {
		wantShare(t, id, count[id], n, share)
	}
}

func TestTheSharesOfThoseThatTakeNothingGoToTheOthers(t *testing.T) {
	t.Parallel()
	const n = 200_000
	count := firsts(Rule{Kind: Weighted}, n, &fake{id: "a", weight: 1}, &fake{id: "b", weight: 6, closed: true}, &fake{id: "c", weight: 3}, &fake{id: "spare"})
	for id, share := range map[string]float64{"a": 0.25, "b": 0, "c": 0.75, "spare": 0} {
		wantShare(t, id, count[id], n, share)
	}
}

func TestOfEqualsEachIsTakenAsOften(t *testing.T) {
	t.Parallel()
	const n = 100_000
	for _, kind := range []Kind{LeastInFlight, Latency} {
		count := firsts(Rule{Kind: kind}, n, &fake{id: "a"}, &fake{id: "b"}, &fake{id: "c"}, &fake{id: "d"})
		for _, id := range []string{"a", "b", "c", "d"} {
			wantShare(t, id, count[id], n, 0.25)
		}
	}
}

func TestTwoChoicesTakeTheFasterOfEachPair(t *testing.T) {
	t.Parallel()
	const n = 100_000
	ms := time.Millisecond
	// Of the six pairs of four, the fastest is in three and the second best of
	// three in two; the slowest never wins.
	count := firsts(Rule{Kind: Latency}, n, &fake{id: "40", latency: 40 * ms}, &fake{id: "10", latency: 10 * ms}, &fake{id: "30", latency: 30 * ms}, &fake{id: "20", latency: 20 * ms})
	for id, share := range map[string]float64{"10": 3. / 6, "20": 2. / 6, "30": 1. / 6, "40": 0} {
		wantShare(t, id, count[id], n, share)
	}
}

func TestLatencyCountsWhatIsInFlight(t *testing.T) {
	t.Parallel()
	ms := time.Millisecond
	for _, tt := range []struct {
		name string
		a, b fake
		want string
	}{
		{"the faster", fake{latency: 10 * ms}, fake{latency: 30 * ms}, "a"},
		{"the faster, still", fake{latency: 10 * ms, inFlight: 1}, fake{latency: 30 * ms}, "a"},
		{"the faster is busy", fake{latency: 10 * ms, inFlight: 3}, fake{latency: 30 * ms}, "b"},
		{"one is not known and idle", fake{latency: 10 * ms, inFlight: 2}, fake{inFlight: 1}, "b"},
		{"one is not known and has requests", fake{latency: 10 * ms, inFlight: 1}, fake{inFlight: 2}, "a"},
		{"the faster takes nothing", fake{latency: 10 * ms, closed: true}, fake{latency: 30 * ms}, "b"},
	} {
		tt.a.id, tt.b.id = "a", "b"
		if count := firsts(Rule{Kind: Latency}, 100, &tt.a, &tt.b); count[tt.want] != 100 {
			t.Errorf("%s: %v, want always %s", tt.name, count, tt.want)
		}
	}
}

// TestAnyOrderIsSound holds every kind to what must be true of all of them.
func TestAnyOrderIsSound(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		kind := Kind(rapid.IntRange(0, 3).Draw(t, "kind"))
		n := rapid.IntRange(1, 6).Draw(t, "n")
		list := make([]*fake, n)
		for i := range list {
			list[i] = &fake{
				id: string(rune('a' + i)), weight: rapid.IntRange(0, 3).Draw(t, "weight"), closed: rapid.Bool().Draw(t, "closed"),
				inFlight: rapid.IntRange(0, 3).Draw(t, "in flight"), latency: time.Duration(rapid.IntRange(0, 3).Draw(t, "latency")) * time.Second,
			}
		}
		order := slices.Clone(list)
		Order(Rule{Kind: kind}, "", order)
		first := order[0]
		if sorted := slices.Sorted(slices.Values(ids(order))); !slices.Equal(sorted, ids(list)) {
			t.Fatalf("%v is no permutation", ids(order))
		}
		if !slices.IsSorted(ids(order[1:])) {
			t.Fatalf("the fallback of %v is not in order", ids(order))
		}
		can := func(f *fake) bool { return !f.closed && (kind != Weighted || f.weight > 0) }
		if kind != Ordered && !can(first) && slices.ContainsFunc(list, can) {
			t.Fatalf("%v: the first cannot take the request, another could", ids(order))
		}
		if kind == Weighted && first.weight == 0 && slices.ContainsFunc(list, func(f *fake) bool { return f.weight > 0 }) {
			t.Fatalf("%v: a fallback is first", ids(order))
		}
		if kind == LeastInFlight && slices.ContainsFunc(list, func(f *fake) bool { return f.closed == first.closed && f.inFlight < first.inFlight }) {
			t.Fatalf("%v: the first has not the fewest in flight", ids(order))
		}
	})
}

func TestARequestMovesOnToWhoTakesItAtOnce(t *testing.T) {
	t.Parallel()
	open, shut := &fake{}, &fake{closed: true}
	for _, tt := range []struct {
		list []*fake
		want int
	}{
		{[]*fake{open}, 0}, {[]*fake{shut}, 0}, {[]*fake{open, shut}, 0}, {[]*fake{shut, open, open}, 1}, {[]*fake{shut, shut}, 0},
	} {
		if got := Next(tt.list); got != tt.want {
			t.Errorf("got %d, want %d", got, tt.want)
		}
	}
}

func TestKindsAreThoseOfTheConfiguration(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]Kind{"": Ordered, "ordered": Ordered, "weighted": Weighted, "least_in_flight": LeastInFlight, "latency": Latency} {
		if got, err := ParseKind(word); got != want || err != nil {
			t.Errorf("%q is %v, %v", word, got, err)
		}
	}
	if _, err := ParseKind("fastest"); err == nil {
		t.Error("an unknown word was taken")
	}
}

func BenchmarkOrder(b *testing.B) {
	list := []*fake{{id: "fast", weight: 3, latency: 1}, {id: "slow", weight: 1, latency: 2}, {id: "spare", weight: 1, latency: 3}}
	for name, rule := range map[string]Rule{"weighted": {Kind: Weighted}, "least": {Kind: LeastInFlight}, "latency": {Kind: Latency}, "sticky": {Sticky: "x"}} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Order(rule, "session-0123456789", list)
			}
		})
	}
}
