package queue

import (
	"fmt"
	"time"
)

// measure is what a queue is bounded in.
type measure func(count int, bytes int64) int64

func requests(count int, _ int64) int64 { return int64(count) }

func bodies(_ int, bytes int64) int64 { return bytes }

// makeRoom sends the last waiters of one tenant away so that t has room in a full
// queue: those of the largest tenant of the lowest class that is below t's own,
// or of t's own class as long as it stays as large as t's tenant becomes. So
// neither a tenant nor a priority shuts others out by being first. It changes
// nothing and reports false if that does not free what is needed. q.mu is held.
func (q *Queue) makeRoom(t *Ticket, of measure, need int64, now time.Duration) bool {
	own := classOf(t.Priority)
	lowest := len(q.waiting.classes) - 1
	for lowest > own && q.waiting.classes[lowest].len == 0 {
		lowest--
	}
	class := &q.waiting.classes[lowest]
	victim := class.largest(of)
	if victim == nil {
		return false
	}
	keeps := int64(0)
	if lowest == own {
		keeps = of(1, t.Bytes)
		if mine := class.tenants[t.Tenant]; mine != nil {
			keeps += of(mine.len, mine.bytes)
		}
	}
	leaving := victim.tail(of, need, of(victim.len, victim.bytes)-keeps)
	if leaving == nil {
		return false
	}
	err := q.refusal(q.advice(victim.len, now), fmt.Sprintf(
		"is full, and this request made room for one of another tenant or a higher priority: %d of its tenant waited", victim.len))
	q.counts.room += uint64(len(leaving))
	for _, w := range leaving {
		q.fail(w, err)
	}
	return true
}

// largest is the tenant with the most, nil if there is none.
func (c *class) largest(of measure) *tenant {
	found := c.first
	for t := c.first; t != nil; t = t.next {
		if of(t.len, t.bytes) > of(found.len, found.bytes) {
			found = t
		}
	}
	return found
}

// tail is the last waiters that together have need, retries left out; nil if
// they have less, or more than most.
func (t *tenant) tail(of measure, need, most int64) (found []*waiter) {
	sum := int64(0)
	for w := t.last; w != nil && sum < need && need <= most; w = w.prev {
		if !w.Retry {
			found = append(found, w)
			sum += of(1, w.Bytes)
		}
	}
	if sum < need || sum > most {
		return nil
	}
	return found
}
