package retry

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// load sends requests at a constant rate to a service that fails with the given
// probability, and returns how many attempts they took and how many succeeded.
func load(t *testing.T, p *Policy, requests, perSecond int, failing float64) (attempts, ok int) {
	var mu sync.Mutex
	rnd := rand.New(rand.NewPCG(9, uint64(requests)))
	var wg sync.WaitGroup
	for range requests {
		wg.Go(func() {
			p.Begin()
			var last *Verdict
			err := p.Run(t.Context(), func(n int) (bool, error) {
				mu.Lock()
				attempts++
				fails := rnd.Float64() < failing
				mu.Unlock()
				if !fails {
					if last != nil {
						p.Refund(last.Err)
					}
					return false, nil
				}
				v := p.Next(Failure{Err: upstream(), Attempt: n})
				last = &v
				return v.Repeat, v.Err
			})
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				ok++
			}
		})
		time.Sleep(time.Second / time.Duration(perSecond))
	}
	wg.Wait()
	return attempts, ok
}

func TestRetriesSaveWhatCanBeSavedAndAddLittleToAnOutage(t *testing.T) {
	t.Parallel()
	const requests, perSecond = 6000, 100
	cfg := defaults()
	cfg.InitialDelay = 10 * time.Millisecond  // a retry that sleeps keeps its token
	type limits struct{ most, saved float64 } // attempts and successes, per request
	bounds := map[int]limits{
		1: {1.02, 1}, 5: {1.06, 0.9995}, 10: {1.13, 0.999}, 20: {1.28, 0.998},
		50: {1.3, 0.55}, 100: {1.1 + 10.0/requests, 0},
	}
	for percent := 1; percent <= 100; percent++ {
		synctest.Test(t, func(t *testing.T) {
			attempts, ok := load(t, New(cfg, nil), requests, perSecond, float64(percent)/100)
			amplification, saved := float64(attempts)/requests, float64(ok)/requests
			bound, named := bounds[percent]
			if named {
				t.Logf("%3d %% errors: %.4f attempts and %.4f successes a request", percent, amplification, saved)
			} else {
				bound = limits{most: 1.5}
			}
			if amplification > bound.most || saved < bound.saved {
				t.Errorf("%d %% errors: %.4f attempts and %.4f successes a request, want at most %.4f and at least %.4f",
					percent, amplification, saved, bound.most, bound.saved)
			}
		})
	}
}

func TestLongPausesCostSomeOfWhatRetriesSave(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		attempts, ok := load(t, New(defaults(), nil), 6000, 100, 0.2)
		t.Logf("20 %% errors, pauses of 1s and more: %.4f attempts and %.4f successes a request", float64(attempts)/6000, float64(ok)/6000)
		if ok < 6000*99/100 || attempts > 6000*13/10 {
			t.Errorf("%d attempts and %d successes for 6000 requests", attempts, ok)
		}
	})
}

func TestWithoutABudgetAnOutageIsFourTimesTheLoad(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cfg := defaults()
		cfg.Budget = 0
		if attempts, _ := load(t, New(cfg, nil), 1000, 100, 1); attempts != 4000 {
			t.Errorf("%d attempts for 1000 requests, want 4000: what the budget is for is not shown", attempts)
		}
	})
}

func TestTimeFillsABudgetThatRequestsDoNot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := New(defaults(), nil)
		want := func(tokens float64) {
			t.Helper()
			if got := p.Budget().Tokens(); got < tokens-0.001 || got > tokens+0.001 {
				t.Errorf("%v tokens after %v, want %v", got, time.Now().Format("04:05"), tokens)
			}
		}
		for range BudgetCap {
			p.Next(Failure{Err: upstream(), Attempt: 1})
		}
		want(0)
		time.Sleep(10 * time.Second)
		want(1)
		for range 8 { // they earn 0.8, and the ten seconds a whole one
			p.Begin()
		}
		time.Sleep(10 * time.Second)
		want(2)
		for range 30 { // they earn 3, which is more than the ten seconds
			p.Begin()
		}
		time.Sleep(10 * time.Second)
		want(5)
		time.Sleep(time.Hour)
		want(BudgetCap)
		p.Next(Failure{Err: upstream(), Attempt: 1})
		want(BudgetCap - 1) // the hour is not counted twice
	})
}

func TestTheBudgetIsExactUnderContention(t *testing.T) {
	t.Parallel()
	cfg := defaults()
	cfg.Budget = 0.001 // of a token, which is a part of a part
	p := New(cfg, nil)
	p.budget.left.Store(0)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 1000 {
				p.Begin()
			}
		})
	}
	wg.Wait()
	if got := p.budget.left.Load(); got != 8*token {
		t.Errorf("8000 requests earned %d, want %d", got, 8*token)
	}
	p.budget.left.Store(5 * token)
	for range 4 {
		wg.Go(func() {
			for range 50_000 {
				if p.budget.spend() {
					p.budget.refund()
				}
			}
		})
	}
	wg.Wait()
	// What time has added meanwhile is a part of a token.
	if got := p.budget.left.Load(); got < 5*token || got >= 6*token {
		t.Errorf("%d left of %d although all was given back", got, 5*token)
	}
}

func TestExplainTellsTheBudget(t *testing.T) {
	t.Parallel()
	p := New(defaults(), nil)
	p.Next(Failure{Err: upstream(), Attempt: 1})
	if x := p.Explain(); x.Max != 3 || fmt.Sprintf("%.2f", x.Tokens) != "9.00" || x.Capacity != BudgetCap {
		t.Errorf("%+v, want 9 of %d tokens and 3 retries", x, BudgetCap)
	}
	cfg := defaults()
	cfg.Budget = 0
	if x := New(cfg, nil).Explain(); x.Capacity != 0 || x.Tokens != 0 {
		t.Errorf("%+v, want no budget", x)
	}
}
