package providertest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	pb "github.com/backplane-dev/backplane/sdk/internal/providerpb"
	"github.com/backplane-dev/backplane/sdk/internal/wire"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// quiet is how long the kit listens for what must not come.
const quiet = time.Second

// sessionCases look at what only a session has. That it does all that the plain
// RPCs do is the matter of all other cases, which are run over both.
var sessionCases = []testCase{
	{
		name:   "session/many-calls",
		why:    "the host makes all calls of a plugin on one session: what goes wrong with it goes wrong for all of them",
		advice: "answer each frame of the kind open with frames of the same id, the last one with end; " + adviceOfBreach,
		run:    onSessionOnly(manyCalls), timeout: 10 * time.Second,
	},
	{
		name:   "session/same-answers",
		why:    "the host chooses the path by itself: callers must not be able to tell which it was",
		advice: "answer calls of a session by the code that answers Call and Stream, and send all of the CallResponse",
		run:    onSessionOnly(sameAnswers),
	},
	{
		name:   "session/credit",
		why:    "credit is what keeps a slow reader from filling the host's memory, and from holding up everybody else",
		advice: "wait with data events while the credit of the call is zero or below; " + adviceOfBreach,
		run:    onSessionOnly(keepsToCredit),
	},
	{
		name:   "session/cancel",
		why:    "what still comes for a call that was cancelled takes the room of calls that somebody waits for",
		advice: "end the call at the frame cancel, and send nothing more for it, not even an error",
		run:    onSessionOnly(silentAfterCancel),
	},
	{
		name:   "session/deadline",
		why:    "a host that hangs sends no cancel: the plugin must let go by itself",
		advice: "end a call with the code DEADLINE_EXCEEDED when open.timeout has passed",
		run:    onSessionOnly(endsAtTimeout),
	},
	{
		name:   "session/refuses-nonsense",
		why:    "two sides that disagree about what was said must notice, or calls get each other's answers",
		advice: "end the session with the status INVALID_ARGUMENT and words that say what was wrong; go on serving",
		run:    onSessionOnly(refusesNonsense),
	},
	{
		name:   "session/ends-when-asked",
		why:    "a plugin is stopped in good order when its session has ended",
		advice: "end the RPC with OK when the host has half-closed it and the last call has ended",
		run:    onSessionOnly(endsWhenAsked),
	},
}

// onSessionOnly opens a session of its own for a case, with an endpoint.
func onSessionOnly(run func(context.Context, *bench, *session) error) func(context.Context, *lab) error {
	return func(ctx context.Context, l *lab) error {
		if !l.offersSession() {
			return skipf("the plugin does not offer sessions")
		}
		b, err := l.open(ctx)
		if err != nil {
			return err
		}
		s, err := openSession(ctx, l.raw)
		if err != nil {
			return err
		}
		defer s.close()
		return run(ctx, b, s)
	}
}

// manyCalls makes calls and streams side by side, and then one after the other,
// so that what comes late is seen too.
func manyCalls(ctx context.Context, b *bench, s *session) error {
	var samples []Sample
	for _, mode := range []provider.Mode{provider.ModeCall, provider.ModeStream} {
		if sample, err := b.anySample(mode); err == nil {
			samples = append(samples, sample)
		}
	}
	if len(samples) == 0 {
		return skipf("the provider offers neither calls nor streams")
	}
	failed := make(chan error)
	for i := range 16 {
		go func() { failed <- s.attempt(ctx, b, samples[i%len(samples)]) }()
	}
	var errs []error
	for range 16 {
		errs = append(errs, <-failed)
	}
	for _, sample := range samples {
		errs = append(errs, s.attempt(ctx, b, sample))
	}
	for _, err := range errs {
		if err != nil && ctx.Err() != nil && s.failed() == nil {
			return errors.New("the case's time is over, and a call of the session was not answered")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// attempt makes the sample's request in its mode.
func (s *session) attempt(ctx context.Context, b *bench, sample Sample) error {
	req := b.request(sample, "one two three")
	if sample.Mode == provider.ModeStream {
		stream, err := s.begin(ctx, pb.Mode_MODE_STREAM, req, firstCredit)
		if err == nil {
			_, err = collect(stream)
		}
		return err
	}
	_, err := s.call(ctx, req)
	return err
}

func sameAnswers(ctx context.Context, b *bench, s *session) error {
	sample, err := b.anySample(provider.ModeCall)
	if err != nil {
		return err
	}
	req := b.request(sample, "hello from the kit")
	plain, err := b.subject.raw.Call(ctx, &pb.CallRequest{Envelope: wire.ToEnvelope(req), Body: req.Body})
	if err != nil {
		return err
	}
	other, err := s.call(ctx, req)
	if err != nil {
		return err
	}
	x, y := wire.FromResponse(plain), wire.FromResponse(other)
	switch {
	case x.ContentType != y.ContentType:
		return fmt.Errorf("the content type is %q over %s and %q over %s", x.ContentType, onRPCs, y.ContentType, onSession)
	case !reflect.DeepEqual(metaKinds(x.Meta), metaKinds(y.Meta)):
		return fmt.Errorf("what is reported beside the answer is %+v over %s and %+v over %s", x.Meta, onRPCs, y.Meta, onSession)
	case len(x.Body) == 0 != (len(y.Body) == 0), b.speaksOpenAI() && sample.builtin && !bytes.Equal(x.Body, y.Body):
		return fmt.Errorf("the answer is %s over %s and %s over %s", clip(x.Body), onRPCs, clip(y.Body), onSession)
	default:
		return nil
	}
}

// metaKinds is what two answers to one request have in common beside them: which
// words are there, without those that differ from one request to the next.
func metaKinds(m provider.Meta) map[string]any {
	kinds := map[string]any{
		"status": m.Status, "model": m.Model, "finish reason": m.FinishReason, "limits": len(m.RateLimits),
		"usage": m.Usage != nil, "request id": m.RequestID != "",
	}
	for name := range m.Header {
		kinds["header "+name] = true
	}
	return kinds
}

// keepsToCredit gives a stream one byte of credit. The session itself looks for
// data beyond that.
func keepsToCredit(ctx context.Context, b *bench, s *session) error {
	sample, err := b.anySample(provider.ModeStream)
	if err != nil {
		return err
	}
	c, err := s.begin(ctx, pb.Mode_MODE_STREAM, b.request(sample, "one two three four five six seven"), 1)
	if err != nil {
		return err
	}
	c.hold = true
	t := &transcript{}
	for t.count("data") == 0 {
		event, err := c.Recv()
		if err != nil {
			return fmt.Errorf("the stream failed before its first chunk: %w", callError(ctx, err))
		}
		t.add(event)
	}
	select {
	case <-s.ended:
		return s.failed()
	case <-time.After(quiet):
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := c.grant(firstCredit); err != nil {
		return err
	}
	_, err = collect(c)
	return err
}

// silentAfterCancel leaves a call that the service does not answer. By the time a
// later call was answered the plugin has read the cancel.
func silentAfterCancel(ctx context.Context, b *bench, s *session) error {
	if err := b.needService(); err != nil {
		return err
	}
	sample, err := b.anySample(provider.ModeCall)
	if err != nil {
		return err
	}
	b.service.script(hang)
	callCtx, cancel := context.WithCancel(ctx)
	defer cancel()
	c, err := s.begin(callCtx, pb.Mode_MODE_CALL, b.request(sample, "hello"), 0)
	if err != nil {
		return err
	}
	if _, err := b.service.first(ctx); err != nil {
		return err
	}
	cancel()
	if err := b.mustLetGo(ctx); err != nil {
		return err
	}
	b.service.script(nil)
	if _, err := s.call(ctx, b.request(sample, "hello again")); err != nil {
		return callError(ctx, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.late > 0 {
		return fmt.Errorf("the plugin sent %d frames of a call that was cancelled before its service answered", c.late)
	}
	return nil
}

func endsAtTimeout(ctx context.Context, b *bench, s *session) error {
	const limit = 300 * time.Millisecond
	sample, err := b.anySample(provider.ModeCall)
	if err != nil {
		return err
	}
	silent, err := b.silentEndpoint(ctx)
	if err != nil {
		return err
	}
	req := silent.request(sample, "hello")
	begin := time.Now()
	c, err := s.beginWith(ctx, &pb.SessionOpen{
		Mode: pb.Mode_MODE_CALL, Envelope: wire.ToEnvelope(req), Timeout: durationpb.New(limit),
	}, req.Body)
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() {
		_, err := c.next()
		ended <- err
	}()
	select {
	case err = <-ended:
	case <-time.After(limit + patience):
		return fmt.Errorf("%v after its timeout of %v the call has not ended", patience, limit)
	}
	if code := provider.AsError(callError(ctx, err)).Code; err == nil || code != provider.CodeTimeout {
		return fmt.Errorf("with a timeout of %v the call ended after %v with: %w", limit, time.Since(begin).Round(time.Millisecond), err)
	}
	return nil
}

// refusesNonsense does, on sessions of their own, what a host must not.
func refusesNonsense(ctx context.Context, b *bench, _ *session) error {
	open := func(id uint64, mode pb.Mode) *pb.RequestFrame {
		return &pb.RequestFrame{Id: id, Frame: &pb.RequestFrame_Open{Open: &pb.SessionOpen{Mode: mode}}}
	}
	credit := &pb.RequestFrame{Id: 7, Frame: &pb.RequestFrame_Credit{Credit: 1}}
	for what, frames := range map[string][]*pb.RequestFrame{
		"credit for a call that was never opened": {credit},
		"an id that was used before":              {open(1, pb.Mode_MODE_CALL), open(1, pb.Mode_MODE_CALL)},
		"an id that is smaller than the last":     {open(2, pb.Mode_MODE_CALL), open(1, pb.Mode_MODE_CALL)},
		"a call without a mode":                   {open(1, pb.Mode_MODE_UNSPECIFIED)},
	} {
		s, err := openSession(ctx, b.subject.raw)
		if err != nil {
			return err
		}
		s.mu.Lock()
		s.calls[1], s.calls[2] = &sessionCall{cancelled: true}, &sessionCall{cancelled: true} // whatever is said of them
		s.mu.Unlock()
		_ = s.stream.Send(&pb.SessionRequest{Frames: frames}) // how the session ends says more
		select {
		case <-s.ended:
			err = s.failed()
		case <-time.After(patience):
			s.close()
			return fmt.Errorf("the host sent %s, and the session goes on", what)
		}
		if status.Code(err) != codes.InvalidArgument {
			return fmt.Errorf("the host sent %s, and the session ended with: %w", what, err)
		}
	}
	if _, err := b.conn.Health(ctx); err != nil {
		return fmt.Errorf("after a session that was broken off Health failed: %w", err)
	}
	return nil
}

func endsWhenAsked(_ context.Context, _ *bench, s *session) error {
	if err := s.stream.CloseSend(); err != nil {
		return err
	}
	select {
	case <-s.ended:
	case <-time.After(patience):
		return fmt.Errorf("%v after the host half-closed it the session has not ended", patience)
	}
	if err := s.failed(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("the session that was half-closed ended with: %w", err)
	}
	return nil
}
