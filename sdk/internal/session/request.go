package session

import (
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	pb "github.com/backplane-dev/backplane/sdk/internal/providerpb"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// maxPiece is the largest piece of a body that travels in one frame, in bytes.
const maxPiece = 64 << 10

// frameRoom is a guess at what a frame holds beside a piece, in bytes.
const frameRoom = 128

// requestKind tells the frames of the host apart. It is the field's number.
type requestKind uint8

const (
	requestEnd    requestKind = 0 // nothing, or nothing that this version knows
	requestOpen   requestKind = 2
	requestData   requestKind = 3
	requestCancel requestKind = 4
	requestCredit requestKind = 5
)

// requestFrame is a RequestFrame. Its bytes lie in the message's memory.
type requestFrame struct {
	id       uint64
	kind     requestKind
	end      bool
	open     open
	data     []byte
	deadline bool // of a cancel: the host's deadline passed
	credit   uint32
}

// open is a SessionOpen.
type open struct {
	mode     pb.Mode
	request  provider.Request
	bodySize uint64
	credit   uint32
	timeout  time.Duration
	// size is the size of the CallRequest that says the same, body excepted.
	envelope int
	times    durations
}

// durations are the times that an open names, before they are whole.
type durations struct{ attempt, connect, timeout duration }

func (r *requestFrame) decode(frame []byte, names *interner) error {
	*r = requestFrame{}
	f := fields{rest: frame}
	for f.next() {
		switch f.tag {
		case 1<<3 | varint:
			r.id = f.num
		case 2<<3 | length:
			r.become(requestOpen)
			f.message(r.open.decode(f.data, names))
		case 3<<3 | length:
			r.become(requestData)
			r.data = f.data
		case 4<<3 | length:
			r.become(requestCancel)
			f.message(r.decodeCancel(f.data))
		case 5<<3 | varint:
			r.become(requestCredit)
			r.credit = uint32(f.num)
		case 6<<3 | varint:
			r.end = f.num != 0
		}
	}
	r.open.settle()
	return f.err()
}

// become changes the kind: of a choice of fields the last counts.
func (r *requestFrame) become(kind requestKind) {
	if r.kind != kind {
		*r = requestFrame{id: r.id, kind: kind, end: r.end}
	}
}

func (r *requestFrame) decodeCancel(message []byte) error {
	f := fields{rest: message}
	for f.next() {
		if f.tag == 1<<3|varint {
			r.deadline = f.num != 0
		}
	}
	return f.err()
}

func (o *open) decode(message []byte, names *interner) error {
	f := fields{rest: message}
	for f.next() {
		switch f.tag {
		case 1<<3 | varint:
			o.mode = pb.Mode(f.num)
		case 2<<3 | length:
			o.envelope = protowire.SizeTag(1) + protowire.SizeBytes(len(f.data))
			f.message(decodeEnvelope(f.data, &o.request, &o.times, names))
		case 3<<3 | length:
			o.request.Body = f.data
		case 4<<3 | varint:
			o.credit = uint32(f.num)
		case 5<<3 | length:
			f.message(o.times.timeout.decode(f.data))
		case 6<<3 | varint:
			o.bodySize = f.num
		}
	}
	return f.err()
}

// settle makes the times whole. The connect timeout and the deadline are never
// below zero.
func (o *open) settle() {
	o.request.Timeout = o.times.attempt.value()
	o.request.ConnectTimeout = max(o.times.connect.value(), 0)
	o.timeout = o.times.timeout.value()
}

// appendOpen writes the frame that begins a call. If body is shorter than the
// whole of req.Body, data frames follow.
func appendOpen(b []byte, id uint64, mode pb.Mode, req *provider.Request, body []byte, credit uint32, timeout time.Duration) []byte {
	hint := len(body) + frameRoom
	b, frame := begin(b, 1, hint)
	b = appendUint(b, 1, id)
	b, message := begin(b, 2, hint)
	b = appendUint(b, 1, uint64(mode))
	b = appendEnvelope(b, 2, req)
	b = appendBytes(b, 3, body)
	b = appendUint(b, 4, uint64(credit))
	b = appendDuration(b, 5, timeout)
	whole := len(body) == len(req.Body)
	if !whole {
		b = appendUint(b, 6, uint64(len(req.Body)))
	}
	b = finish(b, message, hint)
	b = appendBool(b, 6, whole)
	return finish(b, frame, hint)
}

// appendData writes a frame with a piece of a body. Both directions have the
// same field for it.
func appendData(b []byte, id uint64, piece []byte, end bool) []byte {
	hint := len(piece) + frameRoom/8
	b, frame := begin(b, 1, hint)
	b = appendUint(b, 1, id)
	b = protowire.AppendBytes(protowire.AppendTag(b, 3, protowire.BytesType), piece)
	b = appendBool(b, 6, end)
	return finish(b, frame, hint)
}

func appendCancel(b []byte, id uint64, deadline bool) []byte {
	b, frame := begin(b, 1, 0)
	b = appendUint(b, 1, id)
	b, message := begin(b, 4, 0)
	b = appendBool(b, 1, deadline)
	b = finish(b, message, 0)
	return finish(b, frame, 0)
}

func appendCredit(b []byte, id uint64, credit uint32) []byte {
	b, frame := begin(b, 1, 0)
	b = appendUint(b, 1, id)
	b = appendUint(b, 5, uint64(credit))
	return finish(b, frame, 0)
}
