package session

import (
	"slices"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// maxBatchChunks is the largest number of chunks for which a batch keeps its list
// for use again.
const maxBatchChunks = 1024

// Bounds of what waits although it costs no credit.
const (
	maxOther = 64      // events without chunks
	maxEmpty = 1 << 16 // chunks, from which on empty ones are left out
)

// batch is a run of events: chunks in memory of the batch, and between them the
// few events of other kinds. A stream on which nothing happens has none.
type batch struct {
	memory      *memory
	chunks      [][]byte
	other       []other
	size        int   // of the chunks, in bytes
	first, last *slab // where they are
	// What next has handed out.
	read int // of chunks
	seen int // of other
}

// other is an event that is no data, or data without chunks.
type other struct {
	at    int // the number of chunks before it
	event provider.Event
}

// batch returns an empty one.
func (m *memory) batch() *batch {
	if b := m.batches.get(); b != nil {
		return b
	}
	return &batch{memory: m}
}

// add appends an event; its chunks, which have cost bytes, are copied.
func (b *batch) add(e *provider.Event, cost int) {
	if len(e.Chunks) == 0 {
		b.addOther(e)
		return
	}
	b.size += cost
	b.chunks = slices.Grow(b.chunks, len(e.Chunks))
	for _, c := range e.Chunks {
		if len(c) > 0 || len(b.chunks) < maxEmpty {
			b.chunks = append(b.chunks, b.keep(c))
		}
	}
}

// keep copies a chunk.
func (b *batch) keep(c []byte) []byte {
	if len(c) == 0 {
		return noData
	}
	s := b.last
	if s == nil || cap(s.data)-len(s.data) < len(c) {
		s = b.extend(len(c))
	}
	start := len(s.data)
	s.data = append(s.data, c...)
	return s.data[start:len(s.data):len(s.data)]
}

// noData is every chunk without bytes.
var noData = []byte{}

// extend adds a slab that has room for n bytes.
func (b *batch) extend(n int) *slab {
	s := b.memory.slab(n)
	if b.last == nil {
		b.first = s
	} else {
		b.last.next = s
	}
	b.last = s
	return s
}

// addOther appends an event that costs no credit. That is bounded here: a reader
// who is far behind does not see every one of them. Kinds that have texts come
// once in a stream; the second is an error whatever it says, so nothing of it is
// kept but that it came.
func (b *batch) addOther(e *provider.Event) {
	if len(b.other) >= maxOther && !b.forget(e.Kind) {
		return
	}
	kept := provider.Event{Kind: e.Kind}
	if !once(e.Kind) || !b.has(e.Kind) {
		kept.Meta, kept.Usage, kept.Finish = e.Meta, e.Usage, e.Finish
	}
	b.other = append(b.other, other{at: len(b.chunks), event: kept})
}

// once reports whether a stream has one event of a kind.
func once(kind provider.EventKind) bool {
	return kind == provider.EventStarted || kind == provider.EventFinished
}

func (b *batch) has(kind provider.EventKind) bool {
	return slices.ContainsFunc(b.other, func(o other) bool { return o.event.Kind == kind })
}

// forget removes the oldest event of a kind: a newer usage replaces an older one,
// and one heartbeat is as good as two. It reports false if the event is one too
// many already.
func (b *batch) forget(kind provider.EventKind) bool {
	if once(kind) {
		return !b.has(kind)
	}
	oldest := slices.IndexFunc(b.other, func(o other) bool { return o.event.Kind == kind })
	if oldest >= 0 {
		b.other = slices.Delete(b.other, oldest, oldest+1)
	}
	return true
}

// next takes out the next event: chunks that follow one another are one event. It
// reports false at the end of the batch. Chunks are valid until the following
// next or free.
func (b *batch) next() (provider.Event, bool) {
	upTo := len(b.chunks)
	if b.seen < len(b.other) {
		upTo = b.other[b.seen].at
		if upTo == b.read {
			b.seen++
			return b.other[b.seen-1].event, true
		}
	}
	if b.read == upTo {
		return provider.Event{}, false
	}
	chunks := b.chunks[b.read:upTo:upTo]
	b.read = upTo
	return provider.Event{Kind: provider.EventData, Chunks: chunks}, true
}

// free gives the batch and its memory back.
func (b *batch) free() {
	for s := b.first; s != nil; {
		next := s.next
		if cap(s.data) == slabSize {
			s.data, s.next = s.data[:0], nil
			b.memory.slabs.put(s)
		}
		s = next
	}
	clear(b.other)
	clear(b.chunks)
	if cap(b.chunks) > maxBatchChunks {
		b.chunks = nil
	}
	*b = batch{memory: b.memory, chunks: b.chunks[:0], other: b.other[:0]}
	b.memory.batches.put(b)
}
