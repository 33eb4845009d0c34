package http1

import "sync"

// inputSize is the size of the buffer into which the header of an answer, with
// what comes along of its body, is read. It is given back as soon as it is
// empty: the body is read into the memory of whoever reads it.
const inputSize = 4 << 10

var inputs = sync.Pool{New: func() any { return new([inputSize]byte) }}

// input is what was read from a connection and not used yet.
type input struct {
	pooled     *[inputSize]byte // what buf is, if it was not outgrown
	buf        []byte
	start, end int
}

// data returns what waits.
func (in *input) data() []byte { return in.buf[in.start:in.end] }

// take returns the next n bytes, which stay valid until release.
func (in *input) take(n int) []byte {
	in.start += n
	return in.buf[in.start-n : in.start]
}

// space returns where to read on, with room for more bytes as long as less than
// limit bytes wait.
func (in *input) space(limit int) []byte {
	switch {
	case in.buf == nil:
		in.pooled = inputs.Get().(*[inputSize]byte)
		in.buf = in.pooled[:]
	case in.end == len(in.buf):
		waiting := in.data()
		grown := make([]byte, min(2*len(in.buf), inputSize+limit))
		in.end = copy(grown, waiting)
		in.release(in.end)
		in.buf = grown
	}
	return in.buf[in.end:]
}

// read moves what waits to p.
func (in *input) read(p []byte) int {
	n := copy(p, in.data())
	if in.start += n; in.start == in.end {
		in.release(0)
	}
	return n
}

// release gives the buffer back; end bytes were saved elsewhere.
func (in *input) release(end int) {
	if in.pooled != nil {
		inputs.Put(in.pooled)
	}
	*in = input{end: end}
}
