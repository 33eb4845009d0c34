package plugin

import "sync"

// ring keeps the latest lines. It is safe for concurrent use.
type ring struct {
	mu    sync.Mutex
	lines []string
	next  int // index of the oldest line once the ring is full
	size  int
}

func newRing(size int) *ring { return &ring{size: size} }

func (r *ring) add(line string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.lines) < r.size {
		r.lines = append(r.lines, line)
		return
	}
	r.lines[r.next] = line
	r.next = (r.next + 1) % r.size
}

// last returns up to n lines, the newest last.
func (r *ring) last(n int) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]string, 0, len(r.lines))
	all = append(append(all, r.lines[r.next:]...), r.lines[:r.next]...)
	return all[max(0, len(all)-n):]
}
