package session_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing/synctest"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"pgregory.net/rapid"

	pb "github.com/backplane-dev/backplane/sdk/internal/providerpb"
	"github.com/backplane-dev/backplane/sdk/internal/session"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// answer sends a result, whole or the first piece of it.
func (m *clientMachine) answer(t *rapid.T) {
	k := m.pick(t, func(k *modelCall) bool { return !k.stream && !k.over && k.complete && k.answer == nil })
	body := bytes.Repeat([]byte("r"), rapid.SampledFrom([]int{0, 5, 100000, 1<<20 + 1}).Draw(t, "size"))
	n := rapid.IntRange(0, len(body)).Draw(t, "piece")
	f := &pb.ResponseFrame{Id: k.id, End: n == len(body), Frame: &pb.ResponseFrame_Result{Result: &pb.CallResponse{Body: body[:n]}}}
	announced := n < len(body) && rapid.Bool().Draw(t, "announced")
	if announced {
		f.BodySize = uint64(len(body))
	}
	k.answer, k.size = body[:n:n], len(body)
	m.pipe.respond(t, f)
	k.judge(announced, f.GetEnd())
}

// judge ends the call if its answer has ended or has grown too large.
func (k *modelCall) judge(announced, end bool) {
	size := len(k.answer)
	if announced {
		size = k.size
	}
	switch {
	case size+4 > 1<<20: // tag and length of the field
		k.left = !end
		k.finish(outcome{code: codes.ResourceExhausted})
	case end:
		k.finish(outcome{body: k.answer})
	}
}

// piece goes on with a result.
func (m *clientMachine) piece(t *rapid.T) {
	k := m.pick(t, func(k *modelCall) bool { return !k.stream && !k.over && k.answer != nil })
	n := rapid.IntRange(0, k.size-len(k.answer)).Draw(t, "piece")
	k.answer = append(k.answer, bytes.Repeat([]byte("r"), n)...)
	end := len(k.answer) == k.size
	m.pipe.respond(t, &pb.ResponseFrame{Id: k.id, End: end, Frame: &pb.ResponseFrame_Data{Data: k.answer[len(k.answer)-n:]}})
	k.judge(false, end)
}

// event sends an event, in or out of order.
func (m *clientMachine) event(t *rapid.T) {
	k := m.pick(t, func(k *modelCall) bool {
		return k.stream && !k.over && k.complete && k.credit > 0 && len(k.waiting) < 40
	})
	var events []*pb.ResponseFrame
	for range rapid.IntRange(1, 3).Draw(t, "events") {
		if k.credit > 0 && !k.over {
			events = append(events, k.send(t))
		}
	}
	m.pipe.respond(t, events...)
}

func (k *modelCall) send(t *rapid.T) *pb.ResponseFrame {
	out := &pb.StreamResponse{}
	switch rapid.SampledFrom([]string{"started", "data", "data", "data", "usage", "heartbeat", "finished", "unknown"}).Draw(t, "kind") {
	case "started":
		out.Event = &pb.StreamResponse_Started{Started: &pb.Started{Meta: &pb.Meta{Model: "m"}}}
		k.waiting = append(k.waiting, provider.Event{Kind: provider.EventStarted})
	case "data":
		data := &pb.Data{}
		for range rapid.IntRange(0, 3).Draw(t, "chunks") {
			size := rapid.SampledFrom([]int{0, 1, 200, session.Window / 2, session.Window + 1}).Draw(t, "size")
			chunk := bytes.Repeat([]byte{byte(k.sent)}, size)
			data.Chunks = append(data.Chunks, chunk)
			k.waiting = append(k.waiting, provider.Event{Kind: provider.EventData, Chunks: [][]byte{chunk}})
			k.credit -= size
			k.sent += size
		}
		if len(data.GetChunks()) == 0 {
			k.waiting = append(k.waiting, provider.Event{Kind: provider.EventData})
		}
		out.Event = &pb.StreamResponse_Data{Data: data}
	case "usage":
		out.Event = &pb.StreamResponse_Usage{Usage: &pb.Usage{InputTokens: 1}}
		k.waiting = append(k.waiting, provider.Event{Kind: provider.EventUsage})
	case "heartbeat":
		out.Event = &pb.StreamResponse_Heartbeat{Heartbeat: &pb.Heartbeat{}}
		k.waiting = append(k.waiting, provider.Event{Kind: provider.EventHeartbeat})
	case "finished":
		out.Event = &pb.StreamResponse_Finished{Finished: &pb.Finished{Reason: "stop"}}
		k.waiting = append(k.waiting, provider.Event{Kind: provider.EventFinished})
		if rapid.Bool().Draw(t, "end") {
			k.over, k.tail = true, io.EOF
		}
	}
	return &pb.ResponseFrame{Id: k.id, Frame: &pb.ResponseFrame_Event{Event: out}, End: k.over}
}

// fail ends a call with an error.
func (m *clientMachine) fail(t *rapid.T) {
	k := m.pick(t, func(k *modelCall) bool { return !k.over && k.id != 0 })
	err := status.Error(codes.Aborted, "told")
	m.pipe.respond(t, &pb.ResponseFrame{Id: k.id, End: rapid.Bool().Draw(t, "end"), Frame: &pb.ResponseFrame_Error{
		Error: &pb.SessionError{Code: int32(codes.Aborted), Message: "told"}}})
	k.tail = err
	k.finish(outcome{code: codes.Aborted})
}

// end ends a call with nothing else.
func (m *clientMachine) end(t *rapid.T) {
	k := m.pick(t, func(k *modelCall) bool { return !k.over && k.id != 0 && (k.answer == nil || len(k.answer) == k.size) })
	m.pipe.respond(t, &pb.ResponseFrame{Id: k.id, End: true})
	k.tail = io.EOF
	if k.answer == nil {
		k.finish(outcome{code: codes.Internal})
		return
	}
	k.finish(outcome{body: k.answer})
}

// late sends any frame for a call that is over.
func (m *clientMachine) late(t *rapid.T) {
	k := m.pick(t, func(k *modelCall) bool { return k.over && k.id != 0 })
	m.pipe.respond(t, rapid.SampledFrom(anyFrames(k.id)).Draw(t, "frame"))
}

// anyFrames has a frame of each kind.
func anyFrames(id uint64) []*pb.ResponseFrame {
	return []*pb.ResponseFrame{
		{Id: id, Frame: &pb.ResponseFrame_Result{Result: &pb.CallResponse{Body: []byte("late")}}, End: true},
		{Id: id, Frame: &pb.ResponseFrame_Data{Data: []byte("late")}},
		{Id: id, Frame: &pb.ResponseFrame_Event{Event: &pb.StreamResponse{Event: &pb.StreamResponse_Data{Data: &pb.Data{Chunks: [][]byte{[]byte("late")}}}}}},
		{Id: id, Frame: &pb.ResponseFrame_Error{Error: &pb.SessionError{Code: 3}}, End: true},
		{Id: id, End: true},
	}
}

// next reads from a stream for which there is news.
func (m *clientMachine) next(t *rapid.T) {
	k := m.pick(t, func(k *modelCall) bool {
		return k.stream && (len(k.waiting) > 0 || k.tail != nil || k.left)
	})
	event, err := k.events.Next()
	want := k.expect()
	switch {
	case want != nil:
		if err == nil || status.Code(err) != status.Code(want) && !sameProviderError(err, want) && !errors.Is(err, want) {
			t.Fatalf("call %d: Next gave %v and %v, want %v", k.id, event.Kind, err, want)
		}
		if !k.readOver {
			k.readOver = true
			k.left = k.left || !k.over
			k.over, k.tail, k.waiting = true, err, nil
		}
	case err != nil:
		t.Fatalf("call %d: Next gave %v, want an event of kind %v", k.id, err, k.waiting[0].Kind)
	default:
		k.consume(t, event)
	}
}

// expect is the error that Next must return, nil if it must be an event.
func (k *modelCall) expect() error {
	if k.readOver || len(k.waiting) == 0 {
		if errors.Is(k.tail, io.EOF) {
			if wrong := k.order.End(); wrong != nil {
				return wrong
			}
		}
		return k.tail
	}
	order := k.order
	return order.Check(k.waiting[0].Kind)
}

// consume compares an event with what waits.
func (k *modelCall) consume(t *rapid.T, event provider.Event) {
	if event.Kind != k.waiting[0].Kind {
		t.Fatalf("call %d: Next gave an event of kind %d, want %d", k.id, event.Kind, k.waiting[0].Kind)
	}
	if err := k.order.Check(event.Kind); err != nil {
		t.Fatalf("call %d: %v", k.id, err)
	}
	if len(event.Chunks) == 0 {
		k.waiting = k.waiting[1:]
		return
	}
	for _, chunk := range event.Chunks {
		if len(k.waiting) == 0 || len(k.waiting[0].Chunks) == 0 || !bytes.Equal(chunk, k.waiting[0].Chunks[0]) {
			t.Fatalf("call %d: a chunk of %d bytes that is not the next one", k.id, len(chunk))
		}
		k.waiting = k.waiting[1:]
		k.read += len(chunk)
	}
}

func sameProviderError(a, b error) bool {
	var x, y *provider.Error
	return errors.As(a, &x) && errors.As(b, &y) && x.Message == y.Message && x.Code == y.Code
}

// leave ends a call from the caller's side.
func (m *clientMachine) leave(t *rapid.T) {
	k := m.pick(t, func(k *modelCall) bool { return k.id != 0 && !k.readOver && (k.stream || !k.over) })
	was := k.over
	k.left = k.left || !k.over
	if k.stream && rapid.Bool().Draw(t, "close") {
		k.events.Close()
		k.tail = &provider.Error{Code: provider.CodeCanceled, Message: "the reader closed the answer before its end"}
	} else {
		k.cancel()
		k.tail = status.Error(codes.Canceled, "context canceled")
	}
	synctest.Wait()
	if k.stream {
		m.abandoned(t, k)
	}
	if !was {
		k.finish(outcome{code: codes.Canceled})
	}
}

// abandoned reads what Next had in its hands when the stream was left.
func (m *clientMachine) abandoned(t *rapid.T, k *modelCall) {
	k.over, k.readOver, k.waiting = true, true, nil
	for range 1000 {
		_, err := k.events.Next()
		if err == nil {
			continue
		}
		if !sameProviderError(err, k.tail) && status.Code(err) != status.Code(k.tail) {
			var broken *provider.Error
			if !errors.As(err, &broken) || broken.Code != provider.CodeProtocol {
				t.Fatalf("call %d: Next gave %v after it was left, want %v", k.id, err, k.tail)
			}
		}
		k.tail = err
		return
	}
	t.Fatalf("call %d goes on after it was left", k.id)
}

// violate breaks the protocol: the session ends, and all calls with it.
func (m *clientMachine) violate(t *rapid.T) {
	frames := map[string]*pb.ResponseFrame{
		"unknown": {Id: m.last + 1, End: true},
		"zero":    {Frame: &pb.ResponseFrame_Data{Data: []byte("x")}},
	}
	for _, k := range m.calls {
		switch {
		case k.over || k.id == 0:
		case k.stream:
			frames["result for a stream"] = &pb.ResponseFrame{Id: k.id, Frame: &pb.ResponseFrame_Result{Result: &pb.CallResponse{}}, End: true}
			frames["data for a stream"] = &pb.ResponseFrame{Id: k.id, Frame: &pb.ResponseFrame_Data{}}
			if k.credit <= 0 {
				frames["no credit"] = anyFrames(k.id)[2]
			}
		case k.answer == nil:
			frames["data first"] = &pb.ResponseFrame{Id: k.id, Frame: &pb.ResponseFrame_Data{}}
			frames["event for a call"] = anyFrames(k.id)[2]
		default:
			frames["second result"] = anyFrames(k.id)[0]
		}
	}
	name := rapid.SampledFrom(sortedKeys(frames)).Draw(t, "violation")
	m.pipe.respond(t, frames[name])
	synctest.Wait()
	m.torn(t, name)
	m.begin()
}

// torn checks that the session has ended and how its calls did.
func (m *clientMachine) torn(t *rapid.T, name string) {
	select {
	case <-m.client.Done():
	default:
		t.Fatalf("%s: the session goes on", name)
	}
	if status.Code(m.client.Err()) != codes.InvalidArgument || m.pipe.ctx.Err() == nil {
		t.Fatalf("%s: the session ended with %v", name, m.client.Err())
	}
	for _, k := range m.calls {
		k.cancel()
		if k.over {
			continue
		}
		if !k.stream {
			if out := <-k.result; out.code != codes.Unavailable {
				t.Fatalf("%s: call %d ended with %v", name, k.id, out.code)
			}
			continue
		}
		k.events.Close()
	}
	if _, err := m.client.Call(context.Background(), chat(nil)); !errors.Is(err, session.ErrNotSent) || status.Code(err) != codes.Unavailable {
		t.Fatalf("%s: a call afterwards gave %v", name, err)
	}
	synctest.Wait()
}
