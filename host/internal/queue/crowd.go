package queue

import (
	"time"

	"github.com/backplane-dev/backplane/host/internal/caller"
)

// guard is how often in a row those of higher priority are served before a class
// that waits; then it is served once.
const guard = 9

// maxSpare bounds the tenants that are kept for their memory.
const maxSpare = 16

// crowd is everybody who waits. The zero crowd is empty.
type crowd struct {
	classes [3]class // the highest priority first
	len     int
	bytes   int64
	ungated int
	spare   *tenant // list of tenants to be used again
	spares  int
}

// class is who waits under one priority: tenants in the order of their turns.
type class struct {
	tenants     map[string]*tenant
	first, last *tenant
	count       int // of tenants
	len         int // of waiters
	passed      int // grants to others before it, since it was served or came to be
}

// tenant is a tenant's part of a class. It exists while one of its requests
// waits, so that it is as old as its queue is standing.
type tenant struct {
	list
	name       string
	since      time.Duration
	prev, next *tenant
}

// classOf is the index of a priority's class.
func classOf(p caller.Priority) int {
	switch {
	case p > caller.Normal:
		return 0
	case p < caller.Normal:
		return 2
	default:
		return 1
	}
}

// insert puts w at its place.
func (c *crowd) insert(w *waiter) {
	class := &c.classes[classOf(w.Priority)]
	t := class.tenants[w.Tenant]
	if t == nil {
		t = c.newTenant()
		t.name, t.since = w.Tenant, w.since
		class.add(t)
	}
	w.tenant = t
	t.insert(w)
	class.len++
	c.count(w, 1)
}

// remove takes w out; it must be in the crowd.
func (c *crowd) remove(w *waiter) {
	class, t := &c.classes[classOf(w.Priority)], w.tenant
	t.remove(w)
	class.len--
	c.count(w, -1)
	if t.len > 0 {
		return
	}
	class.unlink(t)
	delete(class.tenants, t.name)
	class.count--
	if class.len == 0 {
		class.passed = 0
	}
	if c.spares < maxSpare {
		*t = tenant{next: c.spare}
		c.spare = t
		c.spares++
	}
}

func (c *crowd) count(w *waiter, by int) {
	c.len += by
	c.bytes += int64(by) * w.Bytes
	if w.Ungated {
		c.ungated += by
	}
}

func (c *crowd) newTenant() *tenant {
	t := c.spare
	if t == nil {
		return new(tenant)
	}
	c.spare = t.next
	c.spares--
	*t = tenant{}
	return t
}

// serve takes w out because it is granted a slot: its tenant has had its turn,
// its class has been served, and the lower ones have been passed over.
func (c *crowd) serve(w *waiter) {
	i := classOf(w.Priority)
	class := &c.classes[i]
	class.passed = 0
	for j := i + 1; j < len(c.classes); j++ {
		if c.classes[j].len > 0 {
			c.classes[j].passed++
		}
	}
	if class.last != w.tenant {
		class.unlink(w.tenant)
		class.link(w.tenant)
	}
	c.remove(w)
}

// starving reports whether the class was passed over so often that it goes ahead.
func (c *class) starving() bool { return c.passed >= guard }

// each calls do with every waiter, by class, tenant and number. do may remove it.
func (c *crowd) each(do func(*waiter)) {
	c.eachTenant(func(t *tenant) {
		for w := t.first; w != nil; {
			next := w.next
			do(w)
			w = next
		}
	})
}

// eachTenant calls do with every tenant, by class and turn. do may remove its
// waiters.
func (c *crowd) eachTenant(do func(*tenant)) {
	for i := range c.classes {
		for t := c.classes[i].first; t != nil; {
			next := t.next // t is used for something else once it is empty
			do(t)
			t = next
		}
	}
}

// next is the first waiter that may go, in the order of the turns.
func (c *class) next(may func(*waiter) bool) *waiter {
	for t := c.first; t != nil; t = t.next {
		for w := t.first; w != nil; w = w.next {
			if may(w) {
				return w
			}
		}
	}
	return nil
}

// add gives a new tenant the last turn.
func (c *class) add(t *tenant) {
	if c.tenants == nil {
		c.tenants = make(map[string]*tenant)
	}
	c.tenants[t.name] = t
	c.count++
	c.link(t)
}

func (c *class) link(t *tenant) {
	t.prev, t.next = c.last, nil
	if c.last == nil {
		c.first = t
	} else {
		c.last.next = t
	}
	c.last = t
}

func (c *class) unlink(t *tenant) {
	if t.prev == nil {
		c.first = t.next
	} else {
		t.prev.next = t.next
	}
	if t.next == nil {
		c.last = t.prev
	} else {
		t.next.prev = t.prev
	}
}
