package session_test

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/synctest"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pb "github.com/backplane-dev/backplane/sdk/internal/providerpb"
	"github.com/backplane-dev/backplane/sdk/internal/session"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// TestEventsThatCostNothingAreBounded: a reader that is far behind gets all data
// and the newest usage, not every one.
func TestEventsThatCostNothingAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, c := onPipe(t)
		stream, err := c.Stream(t.Context(), chat(nil))
		if err != nil {
			t.Fatal(err)
		}
		defer stream.Close()
		event := func(e *pb.StreamResponse, end bool) *pb.ResponseFrame {
			return &pb.ResponseFrame{Id: 1, End: end, Frame: &pb.ResponseFrame_Event{Event: e}}
		}
		p.respond(t, event(&pb.StreamResponse{Event: &pb.StreamResponse_Started{Started: &pb.Started{}}}, false))
		const rounds = 1000
		for i := range rounds {
			p.respond(t,
				event(&pb.StreamResponse{Event: &pb.StreamResponse_Data{Data: &pb.Data{Chunks: [][]byte{{byte(i)}}}}}, false),
				event(&pb.StreamResponse{Event: &pb.StreamResponse_Usage{Usage: &pb.Usage{InputTokens: int64(i)}}}, false),
				event(&pb.StreamResponse{Event: &pb.StreamResponse_Heartbeat{Heartbeat: &pb.Heartbeat{}}}, false))
		}
		p.respond(t, event(&pb.StreamResponse{Event: &pb.StreamResponse_Finished{Finished: &pb.Finished{}}}, true))
		synctest.Wait()
		var data, want []byte
		for i := range rounds {
			want = append(want, byte(i))
		}
		others, usage := 0, int64(-1)
		for {
			e, err := stream.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			data = append(data, bytes.Join(e.Chunks, nil)...)
			if e.Kind != provider.EventData {
				others++
			}
			if e.Usage != nil {
				if e.Usage.Input < usage {
					t.Errorf("usage %d came after %d", e.Usage.Input, usage)
				}
				usage = e.Usage.Input
			}
		}
		if !bytes.Equal(data, want) || others > 100 || usage != rounds-1 {
			t.Errorf("got %d bytes of data, %d other events, the last usage %d", len(data), others, usage)
		}
	})
}

// TestAnnouncedSizesBind: a body that has not the size that was announced is a
// breach of the protocol, on both sides.
func TestAnnouncedSizesBind(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, rest := range []string{"", "too much"} {
			p, c := onPipe(t)
			answered := make(chan error, 1)
			go func() {
				_, err := c.Call(t.Context(), chat(nil))
				answered <- err
			}()
			synctest.Wait()
			p.respond(t, &pb.ResponseFrame{Id: 1, BodySize: 5, Frame: &pb.ResponseFrame_Result{Result: &pb.CallResponse{Body: []byte("abc")}}},
				&pb.ResponseFrame{Id: 1, Frame: &pb.ResponseFrame_Data{Data: []byte(rest)}, End: true})
			if err := <-answered; status.Code(err) != codes.Unavailable {
				t.Errorf("%q: the call gave %v", rest, err)
			}
			<-c.Done()
			if status.Code(c.Err()) != codes.InvalidArgument {
				t.Errorf("%q: the host's side ended with %v", rest, c.Err())
			}
			p = newPipe()
			p.request(t, &pb.RequestFrame{Id: 1, Frame: &pb.RequestFrame_Open{Open: &pb.SessionOpen{
				Mode: pb.Mode_MODE_CALL, Body: []byte("abc"), BodySize: 5}}},
				&pb.RequestFrame{Id: 1, Frame: &pb.RequestFrame_Data{Data: []byte(rest)}, End: true})
			if err := session.Serve(p, echo, limit); status.Code(err) != codes.InvalidArgument {
				t.Errorf("%q: the plugin's side ended with %v", rest, err)
			}
			p.cancel()
		}
	})
}
