package wire

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// recorder takes a sink's events and notes when they came.
type recorder struct {
	began time.Time
	kinds []provider.EventKind
	at    []time.Duration
	data  []int // chunks per data message
	fail  error
}

func (r *recorder) send(event provider.Event) error {
	r.kinds = append(r.kinds, event.Kind)
	r.at = append(r.at, time.Since(r.began))
	if event.Kind == provider.EventData {
		r.data = append(r.data, len(event.Chunks))
	}
	return r.fail
}

func newRecorded() (*recorder, *sink) {
	r := &recorder{began: time.Now()}
	return r, &sink{send: r.send, arrived: func() {}}
}

func (r *recorder) want(t *testing.T, kinds ...provider.EventKind) {
	t.Helper()
	if len(r.kinds) != len(kinds) {
		t.Fatalf("got events %v, want %v", r.kinds, kinds)
	}
	for i, kind := range kinds {
		if r.kinds[i] != kind {
			t.Fatalf("got events %v, want %v", r.kinds, kinds)
		}
	}
}

func TestASilentStreamBeatsEvery15SecondsAndABusyOneNever(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, s := newRecorded()
		for range 6 { // busy for a minute
			if err := s.Send([]byte("x")); err != nil {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Second)
		}
		busy := len(r.kinds)
		time.Sleep(36 * time.Second) // silent since second 50
		synctest.Wait()
		beats := r.at[busy:]
		if len(beats) != 3 || beats[0] != 65*time.Second || beats[1] != 80*time.Second || beats[2] != 95*time.Second {
			t.Errorf("got heartbeats at %v", beats)
		}
		if err := s.end(provider.Finish{}, nil); err != nil {
			t.Fatal(err)
		}
		ended := len(r.kinds)
		time.Sleep(time.Hour)
		if len(r.kinds) != ended {
			t.Errorf("got %d events after the end", len(r.kinds)-ended)
		}
	})
}

func TestTheFirstSendStartsAndOneFinishedEnds(t *testing.T) {
	t.Parallel()
	r, s := newRecorded()
	if err := s.Send([]byte("a"), []byte("b")); err != nil {
		t.Fatal(err)
	}
	if err := s.end(provider.Finish{Reason: "stop"}, nil); err != nil {
		t.Fatal(err)
	}
	r.want(t, provider.EventStarted, provider.EventData, provider.EventFinished)
	if r.data[0] != 2 {
		t.Errorf("chunks of one Send travel in %v messages", r.data)
	}
}

func TestAStreamWithoutASendIsStartedAndFinished(t *testing.T) {
	t.Parallel()
	r, s := newRecorded()
	if err := s.end(provider.Finish{}, nil); err != nil {
		t.Fatal(err)
	}
	r.want(t, provider.EventStarted, provider.EventFinished)
}

func TestAFailedStreamSendsNothingMore(t *testing.T) {
	t.Parallel()
	r, s := newRecorded()
	failure := errors.New("upstream failed")
	if err := s.end(provider.Finish{}, failure); !errors.Is(err, failure) {
		t.Errorf("got %v", err)
	}
	r.want(t)
	for name, err := range map[string]error{
		"Send":  s.Send([]byte("x")),
		"Usage": s.Usage(provider.Usage{}),
		"Start": s.Start(provider.Meta{}),
	} {
		if err == nil {
			t.Errorf("%s after the end is accepted", name)
		}
	}
	r.want(t)
}

func TestUsageBeforeAnyChunkStartsTheStreamAndIsTheFinalWordIfNoOther(t *testing.T) {
	t.Parallel()
	var last provider.Event
	s := &sink{send: func(e provider.Event) error { last = e; return nil }, arrived: func() {}}
	for _, n := range []int64{1, 5} {
		if err := s.Usage(provider.Usage{Output: n}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.end(provider.Finish{}, nil); err != nil {
		t.Fatal(err)
	}
	if last.Finish == nil || last.Finish.Usage == nil || last.Finish.Usage.Output != 5 {
		t.Errorf("finished reports %+v, want 5 tokens", last.Finish)
	}
}

func TestASecondStartIsRefused(t *testing.T) {
	t.Parallel()
	r, s := newRecorded()
	if err := s.Start(provider.Meta{}); err != nil {
		t.Fatal(err)
	}
	if err := s.Start(provider.Meta{}); err == nil || !strings.Contains(err.Error(), "started before") {
		t.Errorf("got %v", err)
	}
	_ = s.end(provider.Finish{}, errors.New("x")) // stops the heartbeat
	r.want(t, provider.EventStarted)
}

func TestALargeSendIsSplitBetweenChunks(t *testing.T) {
	t.Parallel()
	r, s := newRecorded()
	big, small := make([]byte, maxDataMessage-10), make([]byte, 8)
	if err := s.Send(small, big, small, make([]byte, 3*maxDataMessage), small); err != nil {
		t.Fatal(err)
	}
	_ = s.end(provider.Finish{}, errors.New("x"))
	if len(r.data) != 4 || r.data[0] != 2 || r.data[1] != 1 || r.data[2] != 1 || r.data[3] != 1 {
		t.Errorf("got messages of %v chunks", r.data)
	}
}

func TestASendThatFailsSaysThatTheCallerLeft(t *testing.T) {
	t.Parallel()
	r, s := newRecorded()
	r.fail = errors.New("transport is closing")
	var e *provider.Error
	if err := s.Send([]byte("x")); !errors.As(err, &e) || e.Code != provider.CodeCanceled || !errors.Is(err, r.fail) {
		t.Errorf("got %v", err)
	}
}
