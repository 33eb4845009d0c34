package client_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"

	pb "github.com/backplane-dev/backplane/sdk/internal/providerpb"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// scripted is a plugin in some other language: it sends what it is told.
type scripted struct {
	pb.UnimplementedProviderServiceServer
	events []*pb.StreamResponse
}

func (s scripted) Stream(_ *pb.StreamRequest, out pb.ProviderService_StreamServer) error {
	for _, e := range s.events {
		if err := out.Send(e); err != nil {
			return err
		}
	}
	return nil
}

func TestTheOrderOfEventsIsEnforced(t *testing.T) {
	t.Parallel()
	started := &pb.StreamResponse{Event: &pb.StreamResponse_Started{Started: &pb.Started{}}}
	data := &pb.StreamResponse{Event: &pb.StreamResponse_Data{Data: &pb.Data{Chunks: [][]byte{[]byte("x")}}}}
	usage := &pb.StreamResponse{Event: &pb.StreamResponse_Usage{Usage: &pb.Usage{}}}
	beat := &pb.StreamResponse{Event: &pb.StreamResponse_Heartbeat{Heartbeat: &pb.Heartbeat{}}}
	finished := &pb.StreamResponse{Event: &pb.StreamResponse_Finished{Finished: &pb.Finished{}}}
	unknown := &pb.StreamResponse{}
	for name, test := range map[string]struct {
		events []*pb.StreamResponse
		want   string // "" is a sound stream
	}{
		"sound":                    {[]*pb.StreamResponse{beat, started, data, usage, beat, data, finished}, ""},
		"unknown events":           {[]*pb.StreamResponse{unknown, started, unknown, finished, unknown}, ""},
		"no finished":              {[]*pb.StreamResponse{started, data}, "ended without a finished event"},
		"nothing":                  {nil, "ended without a finished event"},
		"data before started":      {[]*pb.StreamResponse{data, finished}, "a data event before the started event"},
		"usage before started":     {[]*pb.StreamResponse{usage, finished}, "a usage event before the started event"},
		"finished before started":  {[]*pb.StreamResponse{finished}, "a finished event before the started event"},
		"started twice":            {[]*pb.StreamResponse{started, started, finished}, "a second started event"},
		"data after finished":      {[]*pb.StreamResponse{started, finished, data}, "a data event after the finished event"},
		"heartbeat after finished": {[]*pb.StreamResponse{started, finished, beat}, "a heartbeat event after the finished event"},
		"finished twice":           {[]*pb.StreamResponse{started, finished, finished}, "a finished event after the finished event"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := dialService(t, func(s *grpc.Server) { pb.RegisterProviderServiceServer(s, scripted{events: test.events}) })
			stream, err := conn.Stream(t.Context(), chatRequest())
			if err != nil {
				t.Fatal(err)
			}
			defer stream.Close()
			for err == nil {
				_, err = stream.Next()
			}
			if _, again := stream.Next(); !errors.Is(again, err) {
				t.Errorf("after its end the stream says %v, before %v", again, err)
			}
			if test.want == "" {
				if !errors.Is(err, io.EOF) {
					t.Errorf("got %v", err)
				}
				return
			}
			if e := wantError(t, err, provider.CodeProtocol, provider.SourcePlugin); !strings.Contains(e.Message, test.want) {
				t.Errorf("got %q, want %q in it", e.Message, test.want)
			}
		})
	}
}

func TestChunksMayBeUsedAgainAfterSend(t *testing.T) {
	t.Parallel()
	conn := opened(t, streamer(func(_ context.Context, _ *provider.Request, out provider.Sink) (provider.Finish, error) {
		buf := make([]byte, 1000)
		for i := range 500 {
			for j := range buf {
				buf[j] = byte(i)
			}
			if err := out.Send(buf, buf[:10]); err != nil {
				return provider.Finish{}, err
			}
		}
		return provider.Finish{}, nil
	}))
	events := collect(t, conn, chatRequest())
	var chunks [][]byte
	for _, e := range events { // those that wait may come as one event
		chunks = append(chunks, e.Chunks...)
	}
	if len(chunks) != 1000 {
		t.Fatalf("got %d chunks", len(chunks))
	}
	for i, chunk := range chunks {
		if !bytes.Equal(chunk, bytes.Repeat([]byte{byte(i / 2)}, len(chunk))) {
			t.Fatalf("chunk %d was overwritten", i)
		}
	}
}

func TestASlowReaderHoldsTheProviderBack(t *testing.T) {
	t.Parallel()
	const chunk, total = 16 << 10, 64 << 20
	var sent atomic.Int64
	conn := opened(t, streamer(func(_ context.Context, _ *provider.Request, out provider.Sink) (provider.Finish, error) {
		buf := make([]byte, chunk)
		for sent.Load() < total {
			if err := out.Send(buf); err != nil {
				return provider.Finish{}, err
			}
			sent.Add(chunk)
		}
		return provider.Finish{}, nil
	}))
	stream, err := conn.Stream(t.Context(), chatRequest())
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	settled := func() int64 { // until the provider no longer gets on
		for last := int64(-1); ; {
			now := sent.Load()
			if now == last && now > 0 {
				return now
			}
			last = now
			time.Sleep(100 * time.Millisecond)
		}
	}
	first := settled()
	if first > 2<<20 {
		t.Errorf("%d bytes wait for a reader that has read nothing", first)
	}
	read := 0
	for read < 8<<20 {
		event, err := stream.Next()
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range event.Chunks {
			read += len(c)
		}
	}
	if ahead := settled() - int64(read); ahead > 20<<20 {
		t.Errorf("the provider is %d bytes ahead of its reader", ahead)
	}
}

// left waits for the end of its context in every mode. A call says that it began.
func left(began chan<- struct{}, ended chan<- error) failing {
	wait := func(ctx context.Context) error {
		<-ctx.Done()
		ended <- ctx.Err()
		return ctx.Err()
	}
	return failing{
		func(ctx context.Context, _ *provider.Request) (*provider.Response, error) {
			close(began)
			return nil, wait(ctx)
		},
		func(ctx context.Context, _ *provider.Request, out provider.Sink) (provider.Finish, error) {
			if err := out.Send([]byte("x")); err != nil {
				return provider.Finish{}, err
			}
			return provider.Finish{}, wait(ctx)
		},
		func(ctx context.Context, _ *provider.TransferRequest, out provider.TransferSink) (provider.Finish, error) {
			if err := out.Start(provider.TransferHead{Length: -1}); err != nil {
				return provider.Finish{}, err
			}
			return provider.Finish{}, wait(ctx)
		},
	}
}

func hears(t *testing.T, ended <-chan error) {
	t.Helper()
	select {
	case <-ended:
	case <-time.After(patience):
		t.Error("the provider did not hear that its caller left")
	}
}

func TestACallerWhoLeavesIsNoticedByTheProvider(t *testing.T) {
	t.Parallel()
	began, ended := make(chan struct{}), make(chan error, 1)
	conn := opened(t, left(began, ended))
	stream, err := conn.Stream(t.Context(), chatRequest())
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := stream.Next(); err != nil {
			t.Fatal(err)
		}
	}
	stream.Close()
	stream.Close()
	hears(t, ended)
	_, err = stream.Next()
	wantError(t, err, provider.CodeCanceled, provider.SourceCaller)

	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() {
		_, err := conn.Call(ctx, chatRequest())
		failed <- err
	}()
	<-began
	cancel()
	hears(t, ended)
	wantError(t, <-failed, provider.CodeCanceled, provider.SourceCaller)

	res, err := conn.Transfer(t.Context(), &provider.TransferRequest{Request: *chatRequest()})
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	hears(t, ended)
}

func TestTheAttemptsLimitIsATypedTimeout(t *testing.T) {
	t.Parallel()
	waiting := failingWith(nil)
	waiting.caller = func(ctx context.Context, _ *provider.Request) (*provider.Response, error) {
		<-ctx.Done()
		return nil, errors.New("read body: context deadline exceeded") // lost its class on the way
	}
	waiting.streamer = func(ctx context.Context, _ *provider.Request, out provider.Sink) (provider.Finish, error) {
		if err := out.Start(provider.Meta{}); err != nil {
			return provider.Finish{}, err
		}
		<-ctx.Done()
		return provider.Finish{}, ctx.Err()
	}
	waiting.transferer = func(ctx context.Context, _ *provider.TransferRequest, _ provider.TransferSink) (provider.Finish, error) {
		<-ctx.Done()
		return provider.Finish{}, context.Cause(ctx)
	}
	conn := opened(t, waiting)
	req := chatRequest()
	req.Timeout = 30 * time.Millisecond
	want := func(err error) {
		t.Helper()
		if e := wantError(t, err, provider.CodeTimeout, provider.SourcePlugin); e.Message != "the attempt took longer than its limit of 30ms" {
			t.Errorf("got %q", e.Message)
		}
	}
	_, err := conn.Call(t.Context(), req)
	want(err)
	stream, err := conn.Stream(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	for err == nil {
		_, err = stream.Next()
	}
	want(err)
	_, err = conn.Transfer(t.Context(), &provider.TransferRequest{Request: *req})
	want(err)
}

func TestAnErrorOfItsOwnOutlivesTheAttemptsLimit(t *testing.T) {
	t.Parallel()
	conn := opened(t, caller(func(ctx context.Context, _ *provider.Request) (*provider.Response, error) {
		<-ctx.Done()
		return nil, provider.Errorf(provider.CodeUnreachable, "no connection within the limit")
	}))
	req := chatRequest()
	req.Timeout = time.Millisecond
	_, err := conn.Call(t.Context(), req)
	wantError(t, err, provider.CodeUnreachable, provider.SourcePlugin)
}

func TestTheAttemptsLimitEndsWithTheFirstChunk(t *testing.T) {
	t.Parallel()
	conn := opened(t, streamer(func(ctx context.Context, _ *provider.Request, out provider.Sink) (provider.Finish, error) {
		if err := out.Send([]byte("first")); err != nil {
			return provider.Finish{}, err
		}
		select {
		case <-ctx.Done():
			return provider.Finish{}, context.Cause(ctx)
		case <-time.After(1200 * time.Millisecond):
			return provider.Finish{}, nil
		}
	}))
	req := chatRequest()
	req.Timeout = time.Second
	if events := collect(t, conn, req); len(events) != 3 {
		t.Errorf("got %d events", len(events))
	}
}

func TestTheCallersDeadlineIsATimeoutOfTheHost(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	defer close(release)
	conn := opened(t, caller(func(context.Context, *provider.Request) (*provider.Response, error) {
		<-release // deaf to its context
		return nil, errors.New("too late")
	}))
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	_, err := conn.Call(ctx, chatRequest())
	wantError(t, err, provider.CodeTimeout, provider.SourceHost)
}
