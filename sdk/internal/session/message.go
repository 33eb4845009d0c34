package session

import (
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/runtime/protoiface"

	pb "github.com/backplane-dev/backplane/sdk/internal/providerpb"
)

// tagFrames is the only field of SessionRequest and SessionResponse.
const tagFrames = 1<<3 | uint64(protowire.BytesType)

// outgoing is a SessionRequest or SessionResponse whose frames are encoded
// already. It is a message to the protobuf runtime, by the fast path that
// generated code of other makers uses too, so that gRPC's own codec takes it: no
// end of the connection needs a codec of ours or an option.
type outgoing struct {
	fields []byte
	methods
}

func newOutgoing() *outgoing {
	m := &outgoing{}
	m.Message, m.self = fieldless(), m
	m.table = protoiface.Methods{
		Size: func(protoiface.SizeInput) protoiface.SizeOutput {
			return protoiface.SizeOutput{Size: len(m.fields)}
		},
		Marshal: func(in protoiface.MarshalInput) (protoiface.MarshalOutput, error) {
			return protoiface.MarshalOutput{Buf: append(in.Buf, m.fields...)}, nil
		},
		CheckInitialized: func(protoiface.CheckInitializedInput) (protoiface.CheckInitializedOutput, error) {
			return protoiface.CheckInitializedOutput{}, nil // proto3 requires no field
		},
	}
	return m
}

// ProtoReflect implements [protoreflect.ProtoMessage].
func (m *outgoing) ProtoReflect() protoreflect.Message { return &m.methods }

// incoming is a SessionRequest or SessionResponse on its arrival. Its frames are
// worked on while gRPC decodes the message, in gRPC's memory: nothing is copied
// that no call keeps.
type incoming struct {
	methods
	// err is what was wrong with the message. gRPC is not told: a server would
	// end the RPC with a status of its own, and the host would not learn what.
	err    error
	handle func(frame []byte) error
	whole  []byte // memory for a message that came in pieces
}

// newIncoming makes a message that gives each of its frames to handle and ends
// with handle's first error. The frame is valid until handle returns.
func newIncoming(handle func(frame []byte) error) *incoming {
	m := &incoming{handle: handle}
	m.Message, m.self = fieldless(), m
	m.table = protoiface.Methods{
		Flags: protoiface.SupportUnmarshalDiscardUnknown,
		Unmarshal: func(in protoiface.UnmarshalInput) (protoiface.UnmarshalOutput, error) {
			m.work(in.Buf)
			return protoiface.UnmarshalOutput{Flags: protoiface.UnmarshalInitialized}, nil
		},
	}
	return m
}

// work does what there is to do for a message.
func (m *incoming) work(message []byte) { m.err = eachFrame(message, m.handle) }

// eachFrame gives the frames of a message to handle, in their order.
func eachFrame(message []byte, handle func(frame []byte) error) error {
	f := fields{rest: message}
	for f.next() {
		if f.tag != tagFrames {
			continue
		}
		if err := handle(f.data); err != nil {
			return err
		}
	}
	return f.err()
}

// ProtoReflect implements [protoreflect.ProtoMessage].
func (m *incoming) ProtoReflect() protoreflect.Message { return &m.methods }

// Reset is what the protobuf runtime calls before it decodes.
func (m *incoming) Reset() {}

// methods is how the protobuf runtime sees a message of this package: by its
// methods. For whoever looks at its fields all the same it has none.
type methods struct {
	protoreflect.Message // answers all questions about fields
	self                 protoreflect.ProtoMessage
	table                protoiface.Methods
}

// fieldless is a message that has no fields.
func fieldless() protoreflect.Message { return (&pb.DescribeRequest{}).ProtoReflect() }

// ProtoMethods implements [protoreflect.Message].
func (m *methods) ProtoMethods() *protoiface.Methods { return &m.table }

// Interface implements [protoreflect.Message].
func (m *methods) Interface() protoreflect.ProtoMessage { return m.self }
