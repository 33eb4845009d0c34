package session_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pb "github.com/backplane-dev/backplane/sdk/internal/providerpb"
	"github.com/backplane-dev/backplane/sdk/internal/session"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// onPipe begins a session whose plugin is the test.
func onPipe(t *testing.T) (*pipe, *session.Client) {
	t.Helper()
	p := newPipe()
	c := session.NewClient(p, p.cancel, func() int64 { return limit })
	t.Cleanup(func() {
		p.cancel()
		<-c.Done()
	})
	return p, c
}

func TestAFrozenPluginHoldsUpNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, c := onPipe(t)
		p.freeze()
		const callers = 100
		ended := make(chan error, callers)
		for i := range callers {
			ctx, cancel := context.WithCancel(t.Context())
			if i%2 == 0 {
				ctx, cancel = context.WithTimeout(t.Context(), time.Second)
			}
			time.AfterFunc(time.Second, cancel)
			go func() {
				_, err := c.Call(ctx, chat(make([]byte, 100<<10)))
				ended <- err
			}()
		}
		start := time.Now()
		for range callers {
			if code := status.Code(<-ended); code != codes.Canceled && code != codes.DeadlineExceeded {
				t.Errorf("a call ended with %v", code)
			}
		}
		if took := time.Since(start); took != time.Second {
			t.Errorf("the calls ended after %v", took)
		}
		p.thaw()
		synctest.Wait()
		size := 0
		cancels := make(map[uint64]int)
		for _, f := range p.requests(t) {
			size += len(f.GetOpen().GetBody()) + len(f.GetData())
			if f.GetCancel() != nil {
				cancels[f.GetId()]++
			} else {
				cancels[f.GetId()] += 0
			}
		}
		if size > 1<<20 {
			t.Errorf("%d bytes waited for a plugin that does not read", size)
		}
		for id, n := range cancels {
			if n != 1 {
				t.Errorf("call %d: %d cancels", id, n)
			}
		}
	})
}

func TestAHostThatDoesNotReadHoldsUpThePluginOnly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPipe()
		sent, done := 0, make(chan error, 1)
		flood := handler{stream: func(_ context.Context, _ *provider.Request, send func(provider.Event) error) error {
			for {
				if err := send(provider.Event{Kind: provider.EventData, Chunks: [][]byte{make([]byte, 1000)}}); err != nil {
					return err
				}
				sent++
			}
		}}
		go func() { done <- session.Serve(p, flood, limit) }()
		p.freeze()
		p.request(t, &pb.RequestFrame{Id: 1, End: true, Frame: &pb.RequestFrame_Open{
			Open: &pb.SessionOpen{Mode: pb.Mode_MODE_STREAM, Credit: 1 << 30}}})
		synctest.Wait()
		if sent > 2000 { // a message and what waits behind it
			t.Errorf("%d events of 1000 bytes wait for a host that does not read", sent)
		}
		p.cancel()
		if err := <-done; status.Code(err) != codes.Canceled {
			t.Errorf("the session ended with %v", err)
		}
		synctest.Wait()
	})
}

func TestCloseLetsCallsFinish(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, c := onPipe(t)
		answered := make(chan error, 1)
		go func() {
			_, err := c.Call(t.Context(), chat(nil))
			answered <- err
		}()
		synctest.Wait()
		c.Close()
		c.Close()
		synctest.Wait()
		if p.halfClosed() {
			t.Error("the stream was closed while a call ran")
		}
		if _, err := c.Call(t.Context(), chat(nil)); !errors.Is(err, session.ErrNotSent) || status.Code(err) != codes.Unavailable {
			t.Errorf("a call after Close gave %v", err)
		}
		if _, err := c.Stream(t.Context(), chat(nil)); !errors.Is(err, session.ErrNotSent) {
			t.Errorf("a stream after Close gave %v", err)
		}
		p.respond(t, &pb.ResponseFrame{Id: 1, End: true, Frame: &pb.ResponseFrame_Result{Result: &pb.CallResponse{}}})
		if err := <-answered; err != nil {
			t.Errorf("the call that ran gave %v", err)
		}
		synctest.Wait()
		if !p.halfClosed() {
			t.Error("the stream stays open")
		}
		close(p.in)
		<-c.Done()
		if err := c.Err(); err != nil {
			t.Errorf("an orderly end is told as %v", err)
		}
	})
}

func TestTheEndOfTheStreamFailsAllCallsAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, c := onPipe(t)
		called, read := make(chan error, 1), make(chan error, 1)
		go func() {
			_, err := c.Call(t.Context(), chat(make([]byte, 1<<20)))
			called <- err
		}()
		stream, err := c.Stream(t.Context(), chat(nil))
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			_, err := stream.Next()
			read <- err
		}()
		synctest.Wait()
		close(p.in) // the plugin has ended its end
		for name, ch := range map[string]chan error{"call": called, "stream": read} {
			if err := <-ch; status.Code(err) != codes.Unavailable || errors.Is(err, session.ErrNotSent) {
				t.Errorf("the %s gave %v", name, err)
			}
		}
		<-c.Done()
		if status.Code(c.Err()) != codes.Unavailable {
			t.Errorf("the session ended with %v", c.Err())
		}
		stream.Close()
	})
}

// TestDeadlines holds the frames against the host's clock.
func TestDeadlines(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, c := onPipe(t)
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		stream, err := c.Stream(ctx, chat(nil))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Call(ctx, chat(nil)); status.Code(err) != codes.DeadlineExceeded {
			t.Errorf("the call gave %v", err)
		}
		if _, err := stream.Next(); status.Code(err) != codes.DeadlineExceeded {
			t.Errorf("the stream gave %v", err)
		}
		synctest.Wait()
		told, cancels := 0, 0
		for _, f := range p.requests(t) {
			if f.GetOpen().GetTimeout().AsDuration() == 3*time.Second {
				told++
			}
			if f.GetCancel().GetDeadline() {
				cancels++
			}
		}
		if told != 2 || cancels != 2 {
			t.Errorf("the plugin was told of %d deadlines and %d times that one passed, want 2 and 2", told, cancels)
		}
	})
}

func TestThePluginsContextEndsWithTheHostsDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := handler{call: func(ctx context.Context, _ *provider.Request) (*provider.Response, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}}
		p, done := newPipe(), make(chan error, 1)
		go func() { done <- session.Serve(p, h, limit) }()
		open := session.AppendOpen(nil, 1, pb.Mode_MODE_CALL, chat(nil), nil, 0, time.Second)
		p.in <- open
		time.Sleep(time.Second)
		synctest.Wait()
		frames := p.responses(t)
		if len(frames) != 1 || codes.Code(frames[0].GetError().GetCode()) != codes.DeadlineExceeded || !frames[0].GetEnd() {
			t.Errorf("got %v", frames)
		}
		close(p.in)
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// TestBodiesAreNotReadAfterTheCall changes a body as soon as it may be changed.
func TestBodiesAreNotReadAfterTheCall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, c := onPipe(t)
		body := bytes.Repeat([]byte("a"), 300<<10)
		stream, err := c.Stream(t.Context(), chat(body))
		if err != nil {
			t.Fatal(err)
		}
		clear(body)
		stream.Close()
		ctx, cancel := context.WithCancel(t.Context())
		p.freeze()
		body2 := bytes.Repeat([]byte("a"), 300<<10)
		time.AfterFunc(time.Second, cancel)
		if _, err := c.Call(ctx, chat(body2)); status.Code(err) != codes.Canceled {
			t.Errorf("the call gave %v", err)
		}
		clear(body2)
		p.thaw()
		synctest.Wait()
		var got []byte
		for _, f := range p.requests(t) {
			got = append(append(got, f.GetOpen().GetBody()...), f.GetData()...)
		}
		if bytes.IndexByte(got, 0) >= 0 || len(got) < 300<<10 {
			t.Errorf("%d bytes arrived, and zeroes are among them: %v", len(got), bytes.IndexByte(got, 0) >= 0)
		}
	})
}

// TestSmallCallsPassLargeBodies: a body in pieces takes turns with other calls.
func TestSmallCallsPassLargeBodies(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, c := onPipe(t)
		p.freeze()
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 2)
		for _, size := range []int{20 << 20, 10} {
			go func() {
				_, err := c.Call(ctx, chat(make([]byte, size)))
				ended <- err
			}()
			synctest.Wait()
		}
		p.thaw()
		synctest.Wait()
		before := 0
		for _, f := range p.requests(t) {
			if f.GetId() == 2 {
				break
			}
			before += len(f.GetOpen().GetBody()) + len(f.GetData())
		}
		if before > 256<<10 {
			t.Errorf("a small call waited behind %d bytes of another", before)
		}
		cancel()
		<-ended
		<-ended
	})
}

func TestAStreamOnWhichNothingHappensWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, c := onPipe(t)
		stream, err := c.Stream(t.Context(), chat(nil))
		if err != nil {
			t.Fatal(err)
		}
		next := make(chan error, 1)
		go func() {
			_, err := stream.Next()
			next <- err
		}()
		synctest.Wait()
		if len(next) > 0 {
			t.Fatal("Next returned with nothing to return")
		}
		stream.Close()
		var e *provider.Error
		if err := <-next; !errors.As(err, &e) || e.Code != provider.CodeCanceled || e.Source != provider.SourceCaller {
			t.Errorf("a Next under way gave %v after Close", err)
		}
		stream.Close()
		synctest.Wait()
		frames := p.requests(t)
		if len(frames) != 2 || frames[1].GetCancel() == nil {
			t.Errorf("the plugin got %v", frames)
		}
	})
}

func TestMalformedMessagesEndTheSession(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, message := range []string{"\x0a\x05\x08\x01", "\x0a\x02\x0a\xff", "\xff", "\x0a\x07\x08\x01\x12\x03\x12\x01\xff"} {
			p, c := onPipe(t)
			p.in <- []byte(message)
			<-c.Done()
			if err := c.Err(); status.Code(err) != codes.InvalidArgument || !strings.Contains(err.Error(), "decoded") {
				t.Errorf("%x: the host's side ended with %v", message, err)
			}
			p = newPipe()
			p.in <- []byte(message)
			if err := session.Serve(p, echo, limit); status.Code(err) != codes.InvalidArgument || !strings.Contains(err.Error(), "decoded") {
				t.Errorf("%x: the plugin's side ended with %v", message, err)
			}
			p.cancel()
		}
	})
}

func TestErrorsComeBackAsTheStatusThatTheyWere(t *testing.T) {
	t.Parallel()
	c := dial(t, handler{
		call: func(context.Context, *provider.Request) (*provider.Response, error) {
			return nil, status.Error(codes.Aborted, "no luck")
		},
		stream: func(context.Context, *provider.Request, func(provider.Event) error) error {
			return errors.New("plain")
		},
	})
	if _, err := c.Call(t.Context(), chat(nil)); status.Code(err) != codes.Aborted || status.Convert(err).Message() != "no luck" {
		t.Errorf("the call gave %v", err)
	}
	stream, err := c.Stream(t.Context(), chat(nil))
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	for range 2 {
		if _, err := stream.Next(); errors.Is(err, io.EOF) || status.Code(err) != codes.Unknown || status.Convert(err).Message() != "plain" {
			t.Errorf("the stream gave %v", err)
		}
	}
}
