package providertest

import (
	pb "github.com/backplane-dev/backplane/sdk/internal/providerpb"
)

// breaches are what a plugin may and may not send for the one call, 1, that was
// opened with ten bytes of credit. The last frame is the one that is wrong.
var breaches = map[string]struct {
	mode   pb.Mode
	frames []*pb.ResponseFrame
	want   string // "" is a sound answer
}{
	"a call":             {pb.Mode_MODE_CALL, []*pb.ResponseFrame{result(5, 0, false), piece(5, true)}, ""},
	"an announced body":  {pb.Mode_MODE_CALL, []*pb.ResponseFrame{result(5, 10, false), piece(5, true)}, ""},
	"a stream":           {pb.Mode_MODE_STREAM, []*pb.ResponseFrame{data(4), data(90), beat(), ended()}, ""},
	"a failure":          {pb.Mode_MODE_STREAM, []*pb.ResponseFrame{data(4), failed(true)}, ""},
	"nothing but an end": {pb.Mode_MODE_CALL, []*pb.ResponseFrame{{Id: 1, End: true}}, ""},

	"an id that nobody opened":    {pb.Mode_MODE_CALL, []*pb.ResponseFrame{{Id: 2}}, "never opened"},
	"a second result":             {pb.Mode_MODE_CALL, []*pb.ResponseFrame{result(5, 0, false), result(5, 0, true)}, "a second result"},
	"a piece before the result":   {pb.Mode_MODE_CALL, []*pb.ResponseFrame{piece(5, true)}, "without a result"},
	"an event for a call":         {pb.Mode_MODE_CALL, []*pb.ResponseFrame{beat()}, "a call with an event"},
	"a result for a stream":       {pb.Mode_MODE_STREAM, []*pb.ResponseFrame{result(5, 0, true)}, "a stream with a result"},
	"a piece for a stream":        {pb.Mode_MODE_STREAM, []*pb.ResponseFrame{piece(5, true)}, "without a result"},
	"a frame after the end":       {pb.Mode_MODE_STREAM, []*pb.ResponseFrame{ended(), beat()}, "after the one with end"},
	"an error that does not end":  {pb.Mode_MODE_CALL, []*pb.ResponseFrame{failed(false)}, "an error without end"},
	"data without credit":         {pb.Mode_MODE_STREAM, []*pb.ResponseFrame{data(10), data(1)}, "without credit"},
	"a large piece":               {pb.Mode_MODE_CALL, []*pb.ResponseFrame{result(pieceSize+1, 0, true)}, "is the most"},
	"less than was announced":     {pb.Mode_MODE_CALL, []*pb.ResponseFrame{result(5, 20, false), piece(5, true)}, "announced a body of 20 bytes"},
	"more than was announced":     {pb.Mode_MODE_CALL, []*pb.ResponseFrame{result(5, 6, false), piece(5, true)}, "announced a body of 6 bytes"},
	"a second end of a call":      {pb.Mode_MODE_CALL, []*pb.ResponseFrame{result(5, 0, true), {Id: 1, End: true}}, "after the one with end"},
	"an event after the failure":  {pb.Mode_MODE_STREAM, []*pb.ResponseFrame{failed(true), beat()}, "after the one with end"},
	"a result after the failure":  {pb.Mode_MODE_CALL, []*pb.ResponseFrame{failed(true), result(1, 0, true)}, "after the one with end"},
	"finished a second time":      {pb.Mode_MODE_STREAM, []*pb.ResponseFrame{ended(), ended()}, "after the one with end"},
	"the id zero, for everything": {pb.Mode_MODE_STREAM, []*pb.ResponseFrame{{Id: 0, End: true}}, "never opened"},
}

func result(body int, size uint64, end bool) *pb.ResponseFrame {
	out := &pb.CallResponse{Body: make([]byte, body)}
	return &pb.ResponseFrame{Id: 1, Frame: &pb.ResponseFrame_Result{Result: out}, BodySize: size, End: end}
}

func piece(n int, end bool) *pb.ResponseFrame {
	return &pb.ResponseFrame{Id: 1, Frame: &pb.ResponseFrame_Data{Data: make([]byte, n)}, End: end}
}

func event(e *pb.StreamResponse, end bool) *pb.ResponseFrame {
	return &pb.ResponseFrame{Id: 1, Frame: &pb.ResponseFrame_Event{Event: e}, End: end}
}

func data(n int) *pb.ResponseFrame {
	return event(&pb.StreamResponse{Event: &pb.StreamResponse_Data{Data: &pb.Data{Chunks: [][]byte{make([]byte, n)}}}}, false)
}

func beat() *pb.ResponseFrame {
	return event(&pb.StreamResponse{Event: &pb.StreamResponse_Heartbeat{Heartbeat: &pb.Heartbeat{}}}, false)
}

func ended() *pb.ResponseFrame {
	return event(&pb.StreamResponse{Event: &pb.StreamResponse_Finished{Finished: &pb.Finished{}}}, true)
}

func failed(end bool) *pb.ResponseFrame {
	return &pb.ResponseFrame{Id: 1, Frame: &pb.ResponseFrame_Error{Error: &pb.SessionError{Code: 2}}, End: end}
}
