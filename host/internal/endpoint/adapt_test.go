package endpoint

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backplane-dev/backplane/host/internal/adapt"
)

// lowered is an endpoint of ten slots whose adaptive limit has fallen to fewer,
// with requests that wait.
func lowered(t *testing.T) (e *Endpoint, low int) {
	t.Helper()
	policy := alone()
	policy.Queue.MaxConcurrent, policy.Queue.Size, policy.Timeout = 10, 100, 0
	policy.Adapt.Enabled = true
	e, _ = build(policy, &fake{call: hang})
	refuse(e.adapt.Load(), 10)
	low = e.Explain().Adapt.Limit
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() { _, _, _ = e.Call(ctx, chat(), How{}) })
	}
	t.Cleanup(func() { cancel(); wg.Wait() })
	synctest.Wait()
	if low >= 5 || e.InFlight() != low {
		t.Fatalf("%d run with a limit of %d, want less than five", e.InFlight(), low)
	}
	return e, low
}

// refuse has the service refuse for so many windows.
func refuse(l *adapt.Limit, windows int) {
	for range windows * 11 {
		l.Sample(0, 1, true)
		time.Sleep(100 * time.Millisecond)
	}
}

func TestAReloadLetsNobodyPassTheAdaptiveLimit(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		e, low := lowered(t)
		policy := e.settings.Load().policy
		policy.Queue.Size = 50
		e.Reconfigure(policy, "m", 2)
		synctest.Wait()
		if n := e.InFlight(); n != low {
			t.Errorf("%d run after the reload, the limit is %d", n, low)
		}
	})
}

func TestAnAdaptiveLimitThatWasTurnedOffMovesNothing(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		e, _ := lowered(t)
		old, policy := e.adapt.Load(), e.settings.Load().policy
		policy.Adapt.Enabled = false
		e.Reconfigure(policy, "m", 2)
		refuse(old, 5) // attempts that had begun before
		if n := e.queue.Concurrency(); n != 10 {
			t.Errorf("%d slots, want the configured ten", n)
		}
	})
}
