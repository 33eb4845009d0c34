package session

// slabSize is the size of the memory that chunks wait in, in bytes.
const slabSize = 8 << 10

// slab is a piece of memory for chunks. It never grows, so that chunks stay where
// they are.
type slab struct {
	data []byte // what is in use
	next *slab
}

// slab returns an empty one that has room for n bytes.
func (m *memory) slab(n int) *slab {
	if n > slabSize {
		return &slab{data: make([]byte, 0, n)}
	}
	if s := m.slabs.get(); s != nil {
		return s
	}
	return &slab{data: make([]byte, 0, slabSize)}
}
