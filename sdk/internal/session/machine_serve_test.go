package session_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	pb "github.com/backplane-dev/backplane/sdk/internal/providerpb"
	"github.com/backplane-dev/backplane/sdk/internal/session"
	"github.com/backplane-dev/backplane/sdk/internal/wire"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// TestServeAgainstModel lets a model of a host do all that one may do, and all
// that one must not, in any order, while the plugin's author works on the calls.
func TestServeAgainstModel(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rapid.Check(bubble{t}, func(t *rapid.T) {
			m := &serveMachine{}
			m.begin()
			defer m.stop(t)
			t.Repeat(map[string]func(*rapid.T){
				"":        m.look,
				"call":    func(t *rapid.T) { m.open(t, pb.Mode_MODE_CALL) },
				"stream":  func(t *rapid.T) { m.open(t, pb.Mode_MODE_STREAM) },
				"piece":   m.piece,
				"piece2":  m.piece,
				"cancel":  m.cancel,
				"credit":  m.credit,
				"late":    m.late,
				"send":    m.send,
				"send2":   m.send,
				"return":  m.ret,
				"violate": m.violate,
			})
		})
	})
}

// serveMachine is the model: what the plugin's side has been told and what must
// follow.
type serveMachine struct {
	pipe  *pipe
	ended chan error
	calls []*served
	last  uint64
}

const maxRequest = 400 << 10

// served is one call as the host sees it, and what its author does.
type served struct {
	id       uint64
	stream   bool
	req      *provider.Request
	sent     int // bytes of the body
	complete bool
	refused  bool
	over     bool
	canceled bool
	credit   int

	orders chan func(send func(provider.Event) error) (*provider.Response, error, bool)
	began  *provider.Request
	ctx    context.Context
	sends  []error             // what the author's sends returned
	todo   []*pb.ResponseFrame // what the author said and the host has not got
	data   []byte              // of the answer's body
}

// GoString keeps rapid from printing bodies.
func (k *served) GoString() string {
	return fmt.Sprintf("call %d (stream %v, complete %v, over %v, credit %d)", k.id, k.stream, k.complete, k.over, k.credit)
}

func (m *serveMachine) begin() {
	*m = serveMachine{pipe: newPipe(), ended: make(chan error, 1)}
	go func() { m.ended <- session.Serve(m.pipe, handler{call: m.call, stream: m.events}, maxRequest) }()
}

func (m *serveMachine) call(ctx context.Context, req *provider.Request) (*provider.Response, error) {
	return m.work(ctx, req, nil)
}

func (m *serveMachine) events(ctx context.Context, req *provider.Request, send func(provider.Event) error) error {
	_, err := m.work(ctx, req, send)
	return err
}

// work does what the machine orders until it is told to return.
func (m *serveMachine) work(ctx context.Context, req *provider.Request, send func(provider.Event) error) (*provider.Response, error) {
	var n int
	_, _ = fmt.Sscan(req.RequestID, &n)
	k := m.calls[n]
	k.began, k.ctx = req, ctx
	for order := range k.orders {
		if res, err, last := order(send); last {
			return res, err
		}
	}
	return nil, ctx.Err()
}

// stop half-closes the stream: it ends in good order when the last call has.
func (m *serveMachine) stop(t *rapid.T) {
	close(m.pipe.in)
	synctest.Wait()
	for _, k := range m.calls {
		close(k.orders)
	}
	synctest.Wait()
	m.pipe.cancel() // some sends wait for credit that nobody will give
	if err := <-m.ended; err != nil && status.Code(err) != codes.Canceled {
		t.Errorf("the session ended with %v", err)
	}
	synctest.Wait()
}

func (m *serveMachine) pick(t *rapid.T, fits func(*served) bool) *served {
	var found []*served
	for _, k := range m.calls {
		if fits(k) {
			found = append(found, k)
		}
	}
	if len(found) == 0 {
		t.Skip("no such call")
	}
	return rapid.SampledFrom(found).Draw(t, "call")
}

func (m *serveMachine) open(t *rapid.T, mode pb.Mode) {
	size := rapid.SampledFrom([]int{0, 10, session.MaxPiece, 200 << 10, maxRequest}).Draw(t, "size")
	m.last += uint64(rapid.IntRange(1, 3).Draw(t, "step"))
	req := chat(bytes.Repeat([]byte{byte(len(m.calls))}, size))
	req.RequestID = fmt.Sprint(len(m.calls))
	k := &served{id: m.last, stream: mode == pb.Mode_MODE_STREAM, req: req, credit: 1000,
		orders: make(chan func(func(provider.Event) error) (*provider.Response, error, bool), 1000)}
	m.calls = append(m.calls, k)
	open := &pb.SessionOpen{Mode: mode, Envelope: wire.ToEnvelope(req), Credit: uint32(k.credit)}
	n := rapid.IntRange(0, size).Draw(t, "piece")
	open.Body = req.Body[:n]
	if n < size && rapid.Bool().Draw(t, "announced") {
		open.BodySize = uint64(size)
		k.refused = size == maxRequest
	}
	k.add(n, n == size)
	m.pipe.request(t, &pb.RequestFrame{Id: k.id, Frame: &pb.RequestFrame_Open{Open: open}, End: n == size})
}

// add counts a piece of the body. One of maxRequest does not fit, for there is
// the envelope.
func (k *served) add(n int, end bool) {
	k.sent += n
	envelope := proto.Size(&pb.CallRequest{Envelope: wire.ToEnvelope(k.req), Body: k.req.Body[:k.sent]})
	k.refused = k.refused || envelope > maxRequest
	k.complete = end && !k.refused
	if k.refused && !k.over && len(k.todo) == 0 {
		k.todo = append(k.todo, &pb.ResponseFrame{Id: k.id, End: true, Frame: &pb.ResponseFrame_Error{
			Error: &pb.SessionError{Code: int32(codes.ResourceExhausted)}}})
	}
}

func (m *serveMachine) piece(t *rapid.T) {
	k := m.pick(t, func(k *served) bool { return !k.over && !k.complete && !k.refused })
	n := rapid.IntRange(0, len(k.req.Body)-k.sent).Draw(t, "piece")
	data := k.req.Body[k.sent : k.sent+n]
	end := k.sent+n == len(k.req.Body)
	k.add(n, end)
	m.pipe.request(t, &pb.RequestFrame{Id: k.id, Frame: &pb.RequestFrame_Data{Data: data}, End: end})
}

func (m *serveMachine) cancel(t *rapid.T) {
	k := m.pick(t, func(k *served) bool { return !k.over })
	deadline := rapid.Bool().Draw(t, "deadline")
	m.pipe.request(t, &pb.RequestFrame{Id: k.id, Frame: &pb.RequestFrame_Cancel{Cancel: &pb.SessionCancel{Deadline: deadline}}})
	k.over, k.canceled, k.todo = true, true, nil
	synctest.Wait()
	m.pipe.sent() // nothing: look has taken what there was
	if k.ctx == nil {
		return
	}
	want := map[bool]error{true: context.DeadlineExceeded, false: context.Canceled}[deadline]
	if cause := context.Cause(k.ctx); cause != want {
		t.Fatalf("call %d: the context ended with %v, want %v", k.id, cause, want)
	}
}

func (m *serveMachine) credit(t *rapid.T) {
	k := m.pick(t, func(k *served) bool { return !k.over })
	n := rapid.SampledFrom([]uint32{0, 1, 1000, 1 << 20}).Draw(t, "credit")
	k.credit += int(n)
	m.pipe.request(t, &pb.RequestFrame{Id: k.id, Frame: &pb.RequestFrame_Credit{Credit: n}})
}

// late sends any frame but open for a call that is over.
func (m *serveMachine) late(t *rapid.T) {
	k := m.pick(t, func(k *served) bool { return k.over })
	m.pipe.request(t, rapid.SampledFrom([]*pb.RequestFrame{
		{Id: k.id, Frame: &pb.RequestFrame_Data{Data: []byte("late")}, End: true},
		{Id: k.id, Frame: &pb.RequestFrame_Cancel{Cancel: &pb.SessionCancel{}}},
		{Id: k.id, Frame: &pb.RequestFrame_Credit{Credit: 1 << 31}},
		{Id: k.id, End: true},
	}).Draw(t, "frame"))
}

// order lets the call's author do something.
func (k *served) order(do func(send func(provider.Event) error) (*provider.Response, error, bool)) {
	k.orders <- do
}

// send lets the author send an event.
func (m *serveMachine) send(t *rapid.T) {
	k := m.pick(t, func(k *served) bool { return k.stream && !k.over && k.began != nil && !k.says("end") })
	e := rapid.SampledFrom([]provider.Event{
		{Kind: provider.EventStarted, Meta: &provider.Meta{Model: "m"}},
		{Kind: provider.EventData, Chunks: [][]byte{make([]byte, 600), []byte("x")}},
		{Kind: provider.EventData, Chunks: [][]byte{make([]byte, 300<<10)}},
		{Kind: provider.EventUsage, Usage: &provider.Usage{Input: 3}},
		{Kind: provider.EventHeartbeat},
		{Kind: provider.EventFinished, Finish: &provider.Finish{Reason: "stop"}},
	}).Draw(t, "event")
	k.todo = append(k.todo, &pb.ResponseFrame{Id: k.id, End: e.Kind == provider.EventFinished,
		Frame: &pb.ResponseFrame_Event{Event: wire.ToEvent(e)}})
	k.order(func(send func(provider.Event) error) (*provider.Response, error, bool) {
		k.sends = append(k.sends, send(e))
		return nil, nil, false
	})
}

// says reports whether the author has said something that ends the call.
func (k *served) says(string) bool {
	return len(k.todo) > 0 && k.todo[len(k.todo)-1].GetEnd()
}

// ret lets the author return.
func (m *serveMachine) ret(t *rapid.T) {
	k := m.pick(t, func(k *served) bool { return k.began != nil && !k.says("end") && !k.over })
	var res *provider.Response
	var err error
	frame := &pb.ResponseFrame{Id: k.id, End: true}
	switch {
	case rapid.Bool().Draw(t, "fails"):
		err = status.Error(codes.Aborted, "author")
		frame.Frame = &pb.ResponseFrame_Error{Error: &pb.SessionError{Code: int32(codes.Aborted), Message: "author"}}
	case !k.stream:
		res = &provider.Response{Body: bytes.Repeat([]byte("r"), rapid.SampledFrom([]int{0, 9, session.MaxPiece, 500 << 10}).Draw(t, "size"))}
		frame.Frame = &pb.ResponseFrame_Result{Result: &pb.CallResponse{Body: res.Body}}
	}
	k.todo = append(k.todo, frame)
	k.order(func(func(provider.Event) error) (*provider.Response, error, bool) { return res, err, true })
}

// look takes what the plugin sent and compares it with what the authors said.
func (m *serveMachine) look(t *rapid.T) {
	synctest.Wait()
	for _, f := range m.pipe.responses(t) {
		k := m.byID(f.GetId())
		if k == nil || k.over || len(k.todo) == 0 {
			t.Fatalf("nobody said %.100v", f)
		}
		k.got(t, f)
	}
	for _, k := range m.calls {
		k.check(t)
	}
}

func (m *serveMachine) byID(id uint64) *served {
	for _, k := range m.calls {
		if k.id == id {
			return k
		}
	}
	return nil
}

// got compares a frame with the next thing that the author said.
func (k *served) got(t *rapid.T, f *pb.ResponseFrame) {
	want := k.todo[0]
	switch {
	case want.GetResult() != nil:
		piece := f.GetData()
		if f.GetResult() != nil {
			piece = f.GetResult().GetBody()
		}
		if k.data = append(k.data, piece...); len(piece) > session.MaxPiece {
			t.Fatalf("call %d: a piece of %d bytes", k.id, len(piece))
		}
		if !f.GetEnd() {
			return
		}
		if !bytes.Equal(k.data, want.GetResult().GetBody()) {
			t.Fatalf("call %d: the answer has %d bytes, want %d", k.id, len(k.data), len(want.GetResult().GetBody()))
		}
	case want.GetError() != nil:
		if f.GetError().GetCode() != want.GetError().GetCode() || !strings.Contains(f.GetError().GetMessage(), want.GetError().GetMessage()) {
			t.Fatalf("call %d: got %v, want %v", k.id, f, want)
		}
	case !proto.Equal(f, want):
		t.Fatalf("call %d: got %.200v, want %.200v", k.id, f, want)
	}
	if cost := costOf(f); cost > 0 {
		if k.credit <= 0 {
			t.Fatalf("call %d: an event with credit %d", k.id, k.credit)
		}
		k.credit -= cost
	}
	k.todo, k.over = k.todo[1:], f.GetEnd()
}

func costOf(f *pb.ResponseFrame) (cost int) {
	for _, c := range f.GetEvent().GetData().GetChunks() {
		cost += len(c)
	}
	return cost
}

// check compares the call with what must have happened by now.
func (k *served) check(t *rapid.T) {
	if k.began == nil && k.complete && !k.canceled {
		t.Fatalf("call %d is complete and has not begun", k.id)
	}
	if k.began != nil && (!k.complete || !bytes.Equal(k.began.Body, k.req.Body) || k.began.Model != k.req.Model) {
		t.Fatalf("call %d began with %d bytes, complete %v", k.id, len(k.began.Body), k.complete)
	}
	if k.over {
		if k.ctx != nil && k.ctx.Err() == nil && k.canceled {
			t.Fatalf("call %d was cancelled and its context goes on", k.id)
		}
		return
	}
	if len(k.todo) > 0 && (k.credit > 0 || costOf(k.todo[0]) == 0) {
		t.Fatalf("call %d: the author said %.100v, and it was not sent", k.id, k.todo[0])
	}
}

// violate breaks the protocol: the session ends with words that say how.
func (m *serveMachine) violate(t *rapid.T) {
	open := func(id uint64, mode pb.Mode) *pb.RequestFrame {
		return &pb.RequestFrame{Id: id, Frame: &pb.RequestFrame_Open{Open: &pb.SessionOpen{Mode: mode}}, End: true}
	}
	frames := map[string]*pb.RequestFrame{
		"never opened": {Id: m.last + 1, Frame: &pb.RequestFrame_Data{}},
		"increase":     open(m.last, pb.Mode_MODE_CALL),
		"the mode":     open(m.last+1, pb.Mode_MODE_TRANSFER),
	}
	for _, k := range m.calls {
		if !k.over && k.complete {
			frames["was complete"] = &pb.RequestFrame{Id: k.id, Frame: &pb.RequestFrame_Data{Data: []byte("more")}}
			frames["credit over"] = &pb.RequestFrame{Id: k.id, Frame: &pb.RequestFrame_Credit{Credit: 1<<32 - 1}}
		}
	}
	name := rapid.SampledFrom(sortedKeys(frames)).Draw(t, "violation")
	m.pipe.request(t, frames[name])
	err := <-m.ended
	if status.Code(err) != codes.InvalidArgument || !strings.Contains(err.Error(), name) {
		t.Fatalf("%s: the session ended with %v", name, err)
	}
	m.pipe.cancel() // as gRPC does when the method has returned
	synctest.Wait()
	for _, k := range m.calls {
		if k.ctx != nil && k.ctx.Err() == nil {
			t.Fatalf("%s: call %d goes on", name, k.id)
		}
		close(k.orders)
	}
	synctest.Wait()
	m.begin()
}
