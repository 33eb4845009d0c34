package session

import (
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	pb "github.com/backplane-dev/backplane/sdk/internal/providerpb"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// responseKind tells the frames of the plugin apart. It is the field's number.
type responseKind uint8

const (
	responseEnd    responseKind = 0 // nothing, or nothing that this version knows
	responseResult responseKind = 2
	responseData   responseKind = 3
	responseEvent  responseKind = 4
	responseError  responseKind = 5
)

// responseFrame is a ResponseFrame. Its bytes lie in the message's memory.
type responseFrame struct {
	id       uint64
	kind     responseKind
	end      bool
	bodySize uint64
	answer   *answer        // of a result
	event    provider.Event // its Chunks keep their memory from frame to frame
	data     []byte
	failure  failure
	size     int // of the CallResponse or StreamResponse
}

// failure is a SessionError.
type failure struct {
	code    int32
	message string
	detail  *pb.ProviderError
}

func (r *responseFrame) decode(frame []byte, names *interner) error {
	*r = responseFrame{event: provider.Event{Chunks: r.event.Chunks[:0]}}
	f := fields{rest: frame}
	for f.next() {
		switch f.tag {
		case 1<<3 | varint:
			r.id = f.num
		case 2<<3 | length:
			r.become(responseResult)
			if r.answer == nil {
				r.answer = &answer{}
			}
			r.size += len(f.data)
			f.message(decodeAnswer(f.data, r.answer, names))
		case 3<<3 | length:
			r.become(responseData)
			r.data = f.data
		case 4<<3 | length:
			r.become(responseEvent)
			r.size += len(f.data)
			f.message(decodeEvent(f.data, &r.event, names))
		case 5<<3 | length:
			r.become(responseError)
			f.message(r.failure.decode(f.data))
		case 6<<3 | varint:
			r.end = f.num != 0
		case 7<<3 | varint:
			r.bodySize = f.num
		}
	}
	return f.err()
}

// become changes the kind: of a choice of fields the last counts.
func (r *responseFrame) become(kind responseKind) {
	if r.kind != kind {
		*r = responseFrame{id: r.id, kind: kind, end: r.end, bodySize: r.bodySize,
			event: provider.Event{Chunks: r.event.Chunks[:0]}}
	}
}

func (e *failure) decode(message []byte) error {
	f := fields{rest: message}
	for f.next() {
		switch f.tag {
		case 1<<3 | varint:
			e.code = int32(f.num)
		case 2<<3 | length:
			e.message = f.string()
		case 3<<3 | length:
			if e.detail == nil {
				e.detail = &pb.ProviderError{}
			}
			f.message(proto.UnmarshalOptions{Merge: true}.Unmarshal(f.data, e.detail))
		}
	}
	return f.err()
}

// err is the error that the plain RPC would have returned.
func (e *failure) err() error {
	code := codes.Code(e.code)
	if code == codes.OK {
		code = codes.Unknown // an error it is
	}
	st := status.New(code, e.message)
	if e.detail == nil {
		return st.Err()
	}
	detailed, err := st.WithDetails(e.detail)
	if err != nil {
		return st.Err()
	}
	return detailed.Err()
}

// appendResult writes the frame with an answer. If body is shorter than the whole
// of res.Body, data frames follow.
func appendResult(b []byte, id uint64, res *provider.Response, body []byte) []byte {
	hint := len(body) + frameRoom
	b, frame := begin(b, 1, hint)
	b = appendUint(b, 1, id)
	b, message := begin(b, 2, hint)
	b = appendMeta(b, 1, &res.Meta)
	b = appendString(b, 2, res.ContentType)
	b = appendBytes(b, 3, body)
	b = finish(b, message, hint)
	whole := len(body) == len(res.Body)
	b = appendBool(b, 6, whole)
	if !whole {
		b = appendUint(b, 7, uint64(len(res.Body)))
	}
	return finish(b, frame, hint)
}

// appendEventFrame writes the frame with an event of a stream. cost is the size
// of its chunks.
func appendEventFrame(b []byte, id uint64, e *provider.Event, cost int) []byte {
	hint := cost + 4*len(e.Chunks) + frameRoom/8
	b, frame := begin(b, 1, hint)
	b = appendUint(b, 1, id)
	b = appendEvent(b, 4, e, cost)
	b = appendBool(b, 6, e.Kind == provider.EventFinished)
	return finish(b, frame, hint)
}

// appendFailure writes the frame that ends a call with err, a status.
func appendFailure(b []byte, id uint64, err error) []byte {
	st := status.Convert(err)
	b, frame := begin(b, 1, frameRoom)
	b = appendUint(b, 1, id)
	b, message := begin(b, 5, frameRoom)
	b = appendUint(b, 1, uint64(int32(st.Code())))
	b = appendString(b, 2, st.Message())
	for _, detail := range st.Details() {
		if e, ok := detail.(*pb.ProviderError); ok {
			b = appendDetail(b, e)
			break
		}
	}
	b = finish(b, message, frameRoom)
	b = appendBool(b, 6, true)
	return finish(b, frame, frameRoom)
}

func appendDetail(b []byte, e *pb.ProviderError) []byte {
	b, start := begin(b, 3, frameRoom)
	whole, err := proto.MarshalOptions{}.MarshalAppend(b, e)
	if err != nil { // a text that is not UTF-8: the status says enough
		whole = b
	}
	return finish(whole, start, frameRoom)
}

// appendEnd writes a frame that is nothing but the end of a call.
func appendEnd(b []byte, id uint64) []byte {
	b, frame := begin(b, 1, 0)
	b = appendUint(b, 1, id)
	b = appendBool(b, 6, true)
	return finish(b, frame, 0)
}
