package session

import "testing"

func TestBuffersHaveTheLengthThatIsAskedForAndAPowerOfTwoOfRoom(t *testing.T) {
	t.Parallel()
	p := &buffers{}
	for length, room := range map[int]int{
		0: 1 << 11, 1: 1 << 11, 1 << 11: 1 << 11, 1<<11 + 1: 1 << 12, 1<<16 - 1: 1 << 16, 1 << 16: 1 << 16,
		1 << 20: 1 << 20, 1<<20 + 1: 1<<20 + 1, // too large to keep
	} {
		for range 3 { // new, and used again
			b := p.Get(length)
			if len(*b) != length || cap(*b) < room || room <= 1<<20 && cap(*b) != room {
				t.Errorf("Get(%d) has %d bytes in a room of %d, want a room of %d", length, len(*b), cap(*b), room)
			}
			p.Put(b)
		}
	}
	odd := make([]byte, 1500)
	p.Put(&odd)
	if b := p.Get(1500); cap(*b) != 1<<11 {
		t.Errorf("a buffer that is none of the pool's came back, with room for %d", cap(*b))
	}
}
