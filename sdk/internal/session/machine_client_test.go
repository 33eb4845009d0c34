package session_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"testing/synctest"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"pgregory.net/rapid"

	pb "github.com/backplane-dev/backplane/sdk/internal/providerpb"
	"github.com/backplane-dev/backplane/sdk/internal/session"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// TestClientAgainstModel lets a model of a plugin do all that one may do, and all
// that one must not, in any order, while calls begin, are read and are left.
func TestClientAgainstModel(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rapid.Check(bubble{t}, func(t *rapid.T) {
			m := &clientMachine{}
			m.begin()
			defer m.stop(t)
			t.Repeat(map[string]func(*rapid.T){
				"":        m.look,
				"call":    func(t *rapid.T) { m.open(t, false) },
				"stream":  func(t *rapid.T) { m.open(t, true) },
				"answer":  m.answer,
				"piece":   m.piece,
				"event":   m.event,
				"event2":  m.event,
				"fail":    m.fail,
				"end":     m.end,
				"late":    m.late,
				"next":    m.next,
				"next2":   m.next,
				"leave":   m.leave,
				"violate": m.violate,
			})
		})
	})
}

// clientMachine is the model: what a client has been told and what must follow.
type clientMachine struct {
	pipe   *pipe
	client *session.Client
	calls  []*modelCall // of this session
	last   uint64
}

// modelCall is one call as the plugin and the caller see it.
type modelCall struct {
	id       uint64
	stream   bool
	body     []byte
	got      []byte // of the body
	complete bool
	over     bool // the plugin or the host ended it
	left     bool // the host did
	cancels  int
	cancel   context.CancelFunc

	// Of a call.
	result chan outcome
	want   outcome // valid once over
	answer []byte  // what of the answer was sent; nil if there is none yet
	size   int

	// Of a stream.
	events   provider.EventStream
	waiting  []provider.Event // sent and not read; data one chunk each
	tail     error            // after them
	credit   int
	sent     int // bytes of chunks
	read     int
	order    session.Order
	readOver bool // Next has returned an error
}

// GoString keeps rapid from printing bodies.
func (k *modelCall) GoString() string {
	return fmt.Sprintf("call %d (stream %v, over %v, left %v, credit %d)", k.id, k.stream, k.over, k.left, k.credit)
}

type outcome struct {
	body []byte
	code codes.Code
}

func (m *clientMachine) begin() {
	*m = clientMachine{pipe: newPipe()}
	m.client = session.NewClient(m.pipe, m.pipe.cancel, func() int64 { return 1 << 20 })
}

func (m *clientMachine) stop(t *rapid.T) {
	m.pipe.cancel()
	<-m.client.Done()
	for _, k := range m.calls {
		k.cancel()
		if !k.stream && k.result != nil && !k.over {
			if out := <-k.result; out.code != codes.Unavailable {
				t.Errorf("call %d ended with %v when the stream broke", k.id, out.code)
			}
		}
	}
	synctest.Wait()
}

// pick chooses a call that fits.
func (m *clientMachine) pick(t *rapid.T, fits func(*modelCall) bool) *modelCall {
	var found []*modelCall
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

func (m *clientMachine) open(t *rapid.T, stream bool) {
	k := &modelCall{stream: stream, credit: session.Window,
		body: bytes.Repeat([]byte{byte(len(m.calls))}, rapid.SampledFrom([]int{0, 10, session.MaxPiece, session.MaxPiece + 1, 300 << 10}).Draw(t, "size"))}
	ctx, cancel := context.WithCancel(context.Background())
	k.cancel = cancel
	req := chat(k.body)
	req.RequestID = fmt.Sprint(len(m.calls))
	m.calls = append(m.calls, k)
	if stream {
		events, err := m.client.Stream(ctx, req)
		if err != nil {
			t.Fatalf("stream: %v", err)
		}
		k.events = events
		return
	}
	k.result = make(chan outcome, 1)
	go func() {
		res, err := m.client.Call(ctx, req)
		out := outcome{code: status.Code(err)}
		if err == nil {
			out.body = res.Body
		}
		k.result <- out
	}()
}

// look takes what the client sent and compares it with the model.
func (m *clientMachine) look(t *rapid.T) {
	synctest.Wait()
	for _, f := range m.pipe.requests(t) {
		if f.GetOpen() != nil {
			m.opened(t, f)
			continue
		}
		k := m.byID(f.GetId())
		if k == nil {
			t.Fatalf("a frame for call %d, which was not opened", f.GetId())
		}
		switch frame := f.GetFrame().(type) {
		case *pb.RequestFrame_Data:
			k.piece(t, frame.Data, f.GetEnd())
		case *pb.RequestFrame_Cancel:
			k.cancels++
		case *pb.RequestFrame_Credit:
			k.credit += int(frame.Credit)
		}
	}
	for _, k := range m.calls {
		k.check(t)
	}
}

func (m *clientMachine) opened(t *rapid.T, f *pb.RequestFrame) {
	if f.GetId() <= m.last {
		t.Fatalf("call %d was opened after %d", f.GetId(), m.last)
	}
	m.last = f.GetId()
	var n int
	if _, err := fmt.Sscan(f.GetOpen().GetEnvelope().GetRequestId(), &n); err != nil {
		t.Fatalf("request id: %v", err)
	}
	k := m.calls[n]
	k.id = f.GetId()
	k.piece(t, f.GetOpen().GetBody(), f.GetEnd())
	if k.stream != (f.GetOpen().GetMode() == pb.Mode_MODE_STREAM) || k.stream && f.GetOpen().GetCredit() != session.Window {
		t.Fatalf("call %d was opened as %v with credit %d", k.id, f.GetOpen().GetMode(), f.GetOpen().GetCredit())
	}
}

func (m *clientMachine) byID(id uint64) *modelCall {
	for _, k := range m.calls {
		if k.id == id {
			return k
		}
	}
	return nil
}

func (k *modelCall) piece(t *rapid.T, data []byte, end bool) {
	if k.complete || len(data) > session.MaxPiece {
		t.Fatalf("call %d: a piece of %d bytes, complete %v", k.id, len(data), k.complete)
	}
	k.got, k.complete = append(k.got, data...), end
	if end && !bytes.Equal(k.got, k.body) {
		t.Fatalf("call %d: the body came with %d bytes, want %d", k.id, len(k.got), len(k.body))
	}
}

// check compares the call with what must have happened by now.
func (k *modelCall) check(t *rapid.T) {
	if want := map[bool]int{true: 1}[k.left]; k.cancels != want {
		t.Fatalf("call %d: %d cancels, want %d", k.id, k.cancels, want)
	}
	if k.stream {
		given := k.credit + k.sent - session.Window
		if given > k.sent || k.read-given >= session.Window/2 && k.tail == nil && !k.over {
			t.Fatalf("call %d: of %d bytes %d were read and %d given back", k.id, k.sent, k.read, given)
		}
		return
	}
	select {
	case out := <-k.result:
		if !k.over || out.code != k.want.code || !bytes.Equal(out.body, k.want.body) {
			t.Fatalf("call %d (over: %v) gave %d bytes and %v, want %d and %v", k.id, k.over, len(out.body), out.code, len(k.want.body), k.want.code)
		}
		k.result = nil
	default:
		if k.over && k.result != nil {
			t.Fatalf("call %d is over and has not returned", k.id)
		}
	}
}

func (k *modelCall) finish(want outcome) { k.over, k.want = true, want }
