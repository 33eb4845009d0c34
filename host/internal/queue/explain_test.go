package queue

import (
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backplane-dev/backplane/host/config"
	"github.com/backplane-dev/backplane/host/internal/caller"
	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/provider"
)

func TestTheQueueExplainsItself(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := New(Limits{
			MaxConcurrent: 1, Size: 20, MaxBytes: 1000,
			Overload: config.OverloadCoDel, Target: 2 * time.Second, Interval: 3 * time.Second,
		})
		if got, gate := q.Explain(); got.Estimate != 0 || got.Overloaded || got.Classes != nil || gate != nil {
			t.Errorf("an idle queue explains %+v, gate %v", got, gate)
		}
		slot := mustAcquire(t, q)
		time.Sleep(time.Second)
		slot.Release()
		mustAcquire(t, q)
		ask(t.Context(), q, Ticket{Tenant: "a", Bytes: 10, Retry: true})
		sleep(3 * time.Second)
		ask(t.Context(), q, Ticket{Tenant: "b", Bytes: 20})
		ask(t.Context(), q, Ticket{Tenant: "a", Priority: caller.High})
		q.Hold(time.Now().Add(10*time.Second), &provider.Error{Message: "slow down"})
		got, gate := q.Explain()
		want := status.QueueNow{
			Waiting: 3, Size: 20, Bytes: 30, MaxBytes: 1000, InFlight: 1, MaxConcurrent: 1,
			Oldest: 3 * time.Second, Target: 2 * time.Second, Interval: 3 * time.Second,
			Classes: []status.ClassNow{
				{Priority: "high", Waiting: 1, Tenants: []status.TenantNow{{Tenant: "a", Waiting: 1}}},
				{Priority: "normal", Waiting: 2, Tenants: []status.TenantNow{{Tenant: "a", Waiting: 1}, {Tenant: "b", Waiting: 1}}},
			},
		}
		// High, both tenants once, then the newcomer itself: one second each.
		want.Estimate = 14 * time.Second
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
		if gate == nil || gate.Why != "slow down" || time.Until(gate.Until) != 10*time.Second {
			t.Errorf("gate %+v", gate)
		}
		q.Close()
	})
}

func TestOverloadIsExplained(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := standing(t)
		for range 12 {
			ask(t.Context(), q, Ticket{})
			sleep(500 * time.Millisecond)
		}
		if got, _ := q.Explain(); !got.Overloaded || got.Oldest != 500*time.Millisecond {
			t.Errorf("got %+v, want overload with waits below the target", got)
		}
		q.Close()
	})
}
