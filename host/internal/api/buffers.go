package api

import (
	"math/bits"
	"sync"
)

const (
	// leastRoom is the smallest buffer, keepRoom the largest that is kept for
	// another use.
	leastRoom = 4 << 10
	keepRoom  = 256 << 10
	// steps is the number of sizes of buffers per doubling: at most a quarter of a
	// buffer is unused.
	steps = 4
)

// buffer is memory for a body that is read as a whole, or for what is written to a
// stream at once.
type buffer struct{ data []byte }

// pools keeps buffers by size. Of one pool for all sizes, small bodies would get
// the memory of large ones, which is more than was reserved for them.
var pools [6*steps + 1]sync.Pool

// roomFor is the memory that is taken for n bytes.
func roomFor(n int64) int64 {
	if n <= leastRoom {
		return leastRoom
	}
	if n > keepRoom {
		return n
	}
	step := int64(1) << (bits.Len64(uint64(n-1)) - 3)
	return (n + step - 1) / step * step
}

// poolOf is the place of the pool for buffers of a room that is kept.
func poolOf(room int64) int {
	doublings := bits.Len64(uint64(room)) - bits.Len64(leastRoom)
	return doublings*steps + int(room>>(bits.Len64(uint64(room))-3))&(steps-1)
}

// getBuffer returns an empty buffer for n bytes.
func getBuffer(n int64) *buffer {
	room := roomFor(n)
	if room > keepRoom {
		return &buffer{make([]byte, 0, room)}
	}
	if b, ok := pools[poolOf(room)].Get().(*buffer); ok {
		return b
	}
	return &buffer{make([]byte, 0, room)}
}

// release gives the memory back. Nobody may use data any more.
func (b *buffer) release() {
	room := int64(cap(b.data))
	if room > keepRoom || roomFor(room) != room {
		return
	}
	b.data = b.data[:0]
	pools[poolOf(room)].Put(b)
}
