package session

import (
	"slices"
	"sync"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// maxBatch is the largest memory for chunks that is kept for use again, in bytes,
// maxBatchChunks the largest number of chunks.
const (
	maxBatch       = 64 << 10
	maxBatchChunks = 1024
)

// Bounds of what waits although it costs no credit.
const (
	maxOther = 64      // events without chunks
	maxEmpty = 1 << 16 // chunks, from which on empty ones are left out
)

// batch is a run of events: chunks in one piece of memory, and between them the
// few events of other kinds. A stream on which nothing happens has none.
type batch struct {
	data  []byte
	ends  []int // where each chunk ends in data
	other []other
	// What next has handed out.
	chunks [][]byte
	read   int // of ends
	seen   int // of other
}

// other is an event that is no data, or data without chunks.
type other struct {
	at    int // the number of chunks before it
	event provider.Event
}

var batches = sync.Pool{New: func() any { return new(batch) }}

// add appends an event; chunks are copied. What costs no credit is bounded here: a
// reader who is far behind does not see every one of them.
func (b *batch) add(e *provider.Event) {
	if len(e.Chunks) == 0 {
		if len(b.other) < maxOther || b.forget(e.Kind) {
			b.other = append(b.other, other{at: len(b.ends), event: provider.Event{
				Kind: e.Kind, Meta: e.Meta, Usage: e.Usage, Finish: e.Finish}})
		}
		return
	}
	for _, c := range e.Chunks {
		if len(c) == 0 && len(b.ends) >= maxEmpty {
			continue
		}
		b.data = append(b.data, c...)
		b.ends = append(b.ends, len(b.data))
	}
}

// forget removes the oldest event of a kind: a newer usage replaces an older one,
// and one heartbeat is as good as two. It reports false for kinds of which there
// is one in a stream.
func (b *batch) forget(kind provider.EventKind) bool {
	if kind == provider.EventStarted || kind == provider.EventFinished {
		return !slices.ContainsFunc(b.other, func(o other) bool { return o.event.Kind == kind })
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
	upTo := len(b.ends)
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
	start := 0
	if b.read > 0 {
		start = b.ends[b.read-1]
	}
	b.chunks = b.chunks[:0]
	for _, end := range b.ends[b.read:upTo] {
		b.chunks = append(b.chunks, b.data[start:end:end])
		start = end
	}
	b.read = upTo
	return provider.Event{Kind: provider.EventData, Chunks: b.chunks}, true
}

// free gives the batch's memory back, unless there is much of it.
func (b *batch) free() {
	if cap(b.data) > maxBatch || cap(b.ends) > maxBatchChunks {
		return
	}
	clear(b.other)
	clear(b.chunks)
	*b = batch{data: b.data[:0], ends: b.ends[:0], other: b.other[:0], chunks: b.chunks[:0]}
	batches.Put(b)
}
