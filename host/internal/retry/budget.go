package retry

import (
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// BudgetCap is the most tokens that a budget holds, and what it starts with.
const BudgetCap = 10

// refillEvery is the time in which a budget earns at least one token. Without
// it an endpoint with few requests would live on the cap for ever.
const refillEvery = 10 * time.Second

// token is one token in the units that a [Budget] counts in.
const token = 1_000_000

// Budget bounds the load that retries add to a service in trouble. Each retry
// takes a token, each request earns a part of one, and a retry that succeeds
// gives its token back: the retries that achieve nothing, and those under way,
// stay below the cap plus the earned part of the requests. Where requests earn
// less than one token in ten seconds, it is filled up to that. It is safe for
// concurrent use.
type Budget struct {
	left   atomic.Int64
	earned atomic.Int64 // by requests, since the latest look at the clock

	mu     sync.Mutex
	looked time.Time
}

// NewBudget makes a full budget.
func NewBudget() *Budget {
	b := &Budget{looked: time.Now()}
	b.left.Store(BudgetCap * token)
	return b
}

// Tokens returns what is left.
func (b *Budget) Tokens() float64 {
	b.refill()
	return float64(b.left.Load()) / token
}

// earn adds the part of a token that one request is worth. A full budget is
// only read: requests of a healthy endpoint do not contend for it.
func (b *Budget) earn(share float64) {
	n := int64(math.Round(share * token))
	if b.add(n) {
		b.earned.Add(n)
	}
}

func (b *Budget) refund() { b.add(token) }

// add adds up to the cap and reports whether there was room.
func (b *Budget) add(n int64) bool {
	for {
		old := b.left.Load()
		next := min(old+n, BudgetCap*token)
		if next == old {
			return false
		}
		if b.left.CompareAndSwap(old, next) {
			return true
		}
	}
}

// refill adds what time has earned beyond what requests have. What was not
// counted because the budget was full does no harm: then it needs no refill.
func (b *Budget) refill() {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	due := token*now.Sub(b.looked).Seconds()/refillEvery.Seconds() - float64(b.earned.Swap(0))
	b.looked = now
	if due > 0 {
		b.add(int64(min(due, BudgetCap*token)))
	}
}

// spend takes a token, if there is one.
func (b *Budget) spend() bool {
	b.refill()
	for {
		old := b.left.Load()
		if old < token {
			return false
		}
		if b.left.CompareAndSwap(old, old-token) {
			return true
		}
	}
}
