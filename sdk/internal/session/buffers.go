package session

import (
	"math/bits"
	"sync"

	"google.golang.org/grpc/mem"
)

// Buffers is the memory that gRPC takes for frames and messages, for all
// connections of the process. gRPC's own clears each buffer to the end of its size,
// and knows none between 32 KiB and 1 MiB: a message of 40 KiB costs a megabyte of
// zeros. Whoever takes one of these has to write what it reads, as gRPC does.
var Buffers mem.BufferPool = &buffers{}

// The sizes are powers of two. Smaller buffers are made anew and never given back
// by gRPC, larger ones are rare.
const (
	leastBits = 11
	mostBits  = 20
)

type buffers struct {
	sizes [mostBits - leastBits + 1]sync.Pool
}

// Get implements [mem.BufferPool].
func (p *buffers) Get(length int) *[]byte {
	class := bits.Len(uint(max(length, 1)-1)) - leastBits
	switch {
	case class < 0:
		class = 0
	case class >= len(p.sizes):
		b := make([]byte, length)
		return &b
	}
	if b, kept := p.sizes[class].Get().(*[]byte); kept {
		*b = (*b)[:length]
		return b
	}
	b := make([]byte, length, 1<<(class+leastBits))
	return &b
}

// Put implements [mem.BufferPool]. A buffer that is none of the pool's sizes is left
// to the collector.
func (p *buffers) Put(b *[]byte) {
	size := cap(*b)
	class := bits.Len(uint(size)) - 1 - leastBits
	if class < 0 || class >= len(p.sizes) || size != 1<<(class+leastBits) {
		return
	}
	p.sizes[class].Put(b)
}
