package session

import (
	"sync"
	"time"
)

// memory is what the waiting events of a session's streams are kept in.
type memory struct {
	slabs   stock[slab]
	batches stock[batch]
}

// keepFor is how long, about, a stock keeps what nobody uses.
const keepFor = time.Second

// maxStock is the largest number of things in a stock: of slabs 16 MiB.
const maxStock = 2048

// stock keeps things for use again. Streams want memory all at once and then for
// a while not at all, with a collection of garbage in between: a [sync.Pool] would
// have lost it each time. The zero value is ready for use.
type stock[T any] struct {
	mu     sync.Mutex
	things []*T
	least  int // how many were there at any time since the last trim
	trims  bool
}

// get returns nil if there is none.
func (s *stock[T]) get() *T {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.things) - 1
	if n < 0 {
		return nil
	}
	thing := s.things[n]
	s.things[n] = nil
	s.things = s.things[:n]
	s.least = min(s.least, n)
	return thing
}

func (s *stock[T]) put(thing *T) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.things) == maxStock {
		return
	}
	s.things = append(s.things, thing)
	if !s.trims {
		s.trims = true
		time.AfterFunc(keepFor, s.trim)
	}
}

// trim forgets as many as nobody has used for a while.
func (s *stock[T]) trim() {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := copy(s.things, s.things[s.least:])
	clear(s.things[n:])
	s.things, s.least = s.things[:n], n
	if n == 0 {
		s.things, s.trims = nil, false
		return
	}
	time.AfterFunc(keepFor, s.trim)
}
