package pace

import (
	"testing"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
)

func limits(meter string, limit, remaining int64, reset time.Duration) []provider.RateLimit {
	return []provider.RateLimit{{Meter: meter, Limit: limit, Remaining: remaining, Reset: reset}}
}

// level returns the level of the only announced limit.
func level(t *testing.T, p *Pacer, now time.Time) float64 {
	t.Helper()
	x := p.Explain(now)
	if len(x) != 1 || x[0].Source != "headers" {
		t.Fatalf("limits %+v, want one that was announced", x)
	}
	return x[0].Level
}

func TestWhatTheServiceAnnouncesIsKeptLessTheMargin(t *testing.T) {
	t.Parallel()
	p, now := New(defaults()), time.Now()
	p.Observe(now, "m", limits("requests", 60, 5, 55*time.Second)) // 2 above the margin of 3
	wantWait(t, p, now, "other", 0, 0)
	wantWait(t, p, now, "m", 0, 0)
	wantWait(t, p, now, "m", 0, 0)
	wantWait(t, p, now, "m", 0, time.Second)
	wantWait(t, p, now.Add(time.Second), "m", 0, 0)
}

func TestASmallAllowanceIsUsedInSpiteOfTheMargin(t *testing.T) {
	t.Parallel()
	p, now := New(defaults()), time.Now()
	p.Observe(now, "m", limits("requests", 1, 0, time.Minute))
	wantWait(t, p, now, "m", 0, time.Minute)
	wantWait(t, p, now.Add(time.Minute), "m", 0, 0)
}

func TestOthersUseLowersTheLevelAndOutstandingRequestsKeepItDown(t *testing.T) {
	t.Parallel()
	p, now := New(defaults()), time.Now()
	p.Observe(now, "m", limits("requests", 100, 100, 0))
	if got := level(t, p, now); got != 95 {
		t.Errorf("level %v, want 95", got)
	}
	for range 10 {
		p.Take(now, "m", 0)
	}
	// An answer from before the ten were seen says nothing against our count.
	p.Observe(now, "m", limits("requests", 100, 100, 0))
	if got := level(t, p, now); got != 85 {
		t.Errorf("level %v with ten outstanding, want 85", got)
	}
	p.Observe(now, "m", limits("requests", 100, 25, 0))
	if got := level(t, p, now); got != 20 {
		t.Errorf("level %v after others have used the rest, want 20", got)
	}
	for range 10 {
		p.Settle(now, "m", 0, nil)
	}
	p.Observe(now, "m", limits("requests", 100, 80, 0))
	if got := level(t, p, now); got != 75 {
		t.Errorf("level %v with nothing outstanding, want the 75 that the service says", got)
	}
}

func TestOutstandingRequestsOfBeforeTheFirstAnswerAreCounted(t *testing.T) {
	t.Parallel()
	p, now := New(defaults()), time.Now()
	for range 30 {
		p.Take(now, "m", 0)
	}
	p.Observe(now, "m", limits("requests", 100, 99, 0))
	if got := level(t, p, now); got != 64 {
		t.Errorf("level %v, want 64: 30 requests may not have been seen", got)
	}
}

func TestAShareIsTakenOfWhatIsAnnounced(t *testing.T) {
	t.Parallel()
	cfg := defaults()
	cfg.Share = 0.5
	p, now := New(cfg), time.Now()
	p.Observe(now, "m", limits("requests", 600, 630-600+10, time.Minute)) // 10 above the margin
	if x := p.Explain(now)[0]; x.Level != 5 || x.PerSecond != 5 || x.Limit != 600 {
		t.Errorf("%+v, want level 5, 5 a second, of 600", x)
	}
	if got := level(t, p, now.Add(time.Hour)); got != 285 {
		t.Errorf("level %v after a rest, want 285: half of 600 less the margin", got)
	}
}

func TestAnnouncedLimitsCanBeTurnedOff(t *testing.T) {
	t.Parallel()
	cfg := defaults()
	p, now := New(cfg), time.Now()
	p.Observe(now, "m", limits("requests", 60, 0, time.Minute))
	cfg.FromHeaders, cfg.RequestsPerMinute = false, 600
	p.Configure(cfg)
	wantWait(t, p, now, "m", 0, 0)
	p.Observe(now, "m", limits("requests", 60, 0, time.Minute))
	wantWait(t, p, now, "m", 0, 0)
}

func TestLimitsWithoutASizeAndOfUnknownMetersSayNothing(t *testing.T) {
	t.Parallel()
	p, now := New(defaults()), time.Now()
	p.Observe(now, "m", []provider.RateLimit{
		{Meter: "requests", Limit: -1, Remaining: -1}, {Meter: "tokens", Limit: 0}, {Meter: "images", Limit: 5},
	})
	wantWait(t, p, now, "m", 1000, 0)
	if x := p.Explain(now); x != nil {
		t.Errorf("limits %+v", x)
	}
}

func TestARefusalInSpiteOfTheLevelEmptiesTheMirror(t *testing.T) {
	t.Parallel()
	p, now := New(perMinute(600, 0)), time.Now()
	p.Refused(now, "m") // of which nothing is known
	p.Observe(now, "m", limits("requests", 60, 60, 0))
	p.Refused(now, "m")
	wantWait(t, p, now, "m", 0, time.Second)
	wantWait(t, p, now, "other", 0, 0) // the endpoint's own rate is not touched
	p.Observe(now, "m", limits("requests", 60, 0, 0))
	p.Refused(now, "m")
	wantWait(t, p, now, "m", 0, 4*time.Second) // what is below empty stays so
}

func TestInputAndOutputAreSplitByWhatRequestsHaveUsed(t *testing.T) {
	t.Parallel()
	p, now := New(defaults()), time.Now()
	announce := append(limits("input_tokens", 10_000, 10_000, 0), limits("output_tokens", 2000, 2000, 0)...)
	p.Observe(now, "m", announce)
	wantWait(t, p, now, "m", 1000, 0) // before anything is known all of it is taken of both
	if x := p.Explain(now); x[0].Level != 8500 || x[1].Level != 900 {
		t.Errorf("levels %v and %v, want 8500 and 900", x[0].Level, x[1].Level)
	}
	p.Settle(now, "m", 1000, &provider.Usage{Input: 500, Cached: 300, Output: 100, Total: 600})
	if x := p.Explain(now); x[0].Level != 9300 || x[1].Level != 1800 {
		t.Errorf("levels %v and %v, want 9300 and 1800", x[0].Level, x[1].Level)
	}
	wantWait(t, p, now, "m", 1000, 0)
	if x := p.Explain(now); x[0].Level != 9100 || x[1].Level != 1700 {
		t.Errorf("levels %v and %v, want 9100 and 1700", x[0].Level, x[1].Level)
	}
}

func TestThePeriodIsReadFromTheTimeUntilTheLimitIsFullAgain(t *testing.T) {
	t.Parallel()
	day := 24 * time.Hour
	for _, c := range []struct {
		name             string
		limit, remaining int64
		reset, known     time.Duration
		want             time.Duration
	}{
		{"next to nothing is used", 5000, 4999, 12 * time.Millisecond, 0, time.Minute},
		{"next to nothing, rounded up", 100, 99, 2 * time.Second, 0, time.Minute},
		{"half of a minute's", 60, 30, 30 * time.Second, 0, time.Minute},
		{"rounded, by a clock that is seconds off", 60, 50, 17 * time.Second, 0, time.Minute},
		{"requests of a day", 14_400, 14_370, 179560 * time.Millisecond, 0, day},
		{"of an hour", 1000, 100, 54 * time.Minute, time.Minute, time.Hour},
		{"of a second", 10, 2, 800 * time.Millisecond, 0, time.Second},
		{"an unusual one", 100, 0, 10 * time.Minute, 0, 10 * time.Minute},
		{"no reset", 100, 0, 0, day, day},
		{"full", 100, 100, time.Hour, time.Hour, time.Hour},
		{"more than full", 100, 120, time.Hour, 0, time.Minute},
		{"much too short", 100, 0, time.Microsecond, 0, time.Second},
	} {
		l := provider.RateLimit{Limit: c.limit, Remaining: c.remaining, Reset: c.reset}
		if got := period(l, c.known); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}
