package retry

import "sync/atomic"

// BudgetCap is the most tokens that a budget holds, and what it starts with.
const BudgetCap = 10

// token is one token in the units that a [Budget] counts in.
const token = 1000

// Budget bounds the load that retries add to a service in trouble. Each retry
// takes a token, each request earns a part of one, and a retry that succeeds
// gives its token back: the retries that achieve nothing stay below the cap
// plus the earned part of the requests. It is safe for concurrent use.
type Budget struct{ milli atomic.Int64 }

// NewBudget makes a full budget.
func NewBudget() *Budget {
	b := new(Budget)
	b.milli.Store(BudgetCap * token)
	return b
}

// Tokens returns what is left.
func (b *Budget) Tokens() float64 { return float64(b.milli.Load()) / token }

func (b *Budget) earn(share float64) { b.add(int64(share * token)) }
func (b *Budget) refund()            { b.add(token) }

func (b *Budget) add(n int64) {
	for {
		old := b.milli.Load()
		next := min(old+n, BudgetCap*token)
		if next == old || b.milli.CompareAndSwap(old, next) {
			return
		}
	}
}

func (b *Budget) spend() bool {
	for {
		old := b.milli.Load()
		if old < token {
			return false
		}
		if b.milli.CompareAndSwap(old, old-token) {
			return true
		}
	}
}
