package hedge

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	errLost  = errors.New("the other was faster")
	errBroke = errors.New("it broke")
	errWrong = errors.New("the request is wrong")
)

// side is a fake attempt: it waits in a queue, then works, then answers with its
// name or fails.
type side struct {
	queue, work time.Duration
	err         error
}

// scene is a race between two fakes, and what was seen of it.
type scene struct {
	first, second side
	refused       bool          // the budget is spent
	retries       int           // attempts of first that fail before it
	retried       time.Duration // how long each of them works

	began    time.Time
	running  atomic.Bool // an attempt of first
	idle     bool        // leave was asked for while none ran
	asked    int         // for leave
	at       time.Duration
	ended    map[string]time.Duration
	contexts map[string]context.Context
	causes   map[string]error
	answered []string
	dropped  []string
	cut      bool // the context of the answer has ended before its release
}

// exit is how a fake attempt ended.
type exit struct {
	name string
	ctx  context.Context
	err  error
}

// run runs the race; the delay is one second.
func (s *scene) run(ctx context.Context) Result[string] {
	s.began, s.ended, s.causes, s.contexts = time.Now(), make(map[string]time.Duration), make(map[string]error), make(map[string]context.Context)
	exits := make(chan exit, 2)
	race := Race[string]{
		Delay: time.Second, Lost: errLost,
		First: func(ctx context.Context, running func(bool)) (string, error) {
			attempt := func(yes bool) {
				if yes {
					s.running.Store(true)
				}
				running(yes)
				s.running.Store(yes)
			}
			time.Sleep(s.first.queue)
			for range s.retries {
				attempt(true)
				time.Sleep(s.retried)
				attempt(false)
				time.Sleep(5 * time.Second)
			}
			attempt(true)
			return s.first.play(ctx, "first", exits)
		},
		Take: func() bool {
			s.asked++
			s.idle = s.idle || !s.running.Load()
			return !s.refused
		},
		Second: func(ctx context.Context) (string, error) {
			s.at = time.Since(s.began)
			return s.second.play(ctx, "second", exits)
		},
		Final: func(err error) bool { return !errors.Is(err, errBroke) },
		Drop:  func(name string) { s.dropped = append(s.dropped, name) },
	}
	result := race.Run(ctx)
	for range len(exits) {
		end := <-exits
		s.ended[end.name], s.contexts[end.name] = time.Since(s.began), end.ctx
		s.causes[end.name] = context.Cause(end.ctx)
		if end.err == nil {
			s.answered = append(s.answered, end.name)
		}
	}
	s.cut = result.Err == nil && ctx.Err() == nil && s.contexts[result.Answer].Err() != nil
	result.Release()
	return result
}

// play is one fake attempt.
func (p side) play(ctx context.Context, name string, exits chan<- exit) (answer string, err error) {
	defer func() { exits <- exit{name, ctx, err} }()
	select {
	case <-time.After(p.work):
		return name, p.err
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

func TestARaceEndsWithWhoAnswersFirst(t *testing.T) {
	t.Parallel()
	const sec = time.Second
	for _, tt := range []*struct {
		name   string
		scene  scene
		answer string
		err    error
		took   time.Duration
		at     time.Duration // 0: second is not called
	}{
		{name: "the first is fast", scene: scene{first: side{work: 900 * time.Millisecond}}, answer: "first", took: 900 * time.Millisecond},
		{name: "the first is slow, the second is not", scene: scene{first: side{work: 9 * sec}, second: side{work: sec}}, answer: "second", took: 2 * sec, at: sec},
		{name: "the first is slow, the second slower", scene: scene{first: side{work: 2 * sec}, second: side{work: 5 * sec}}, answer: "first", took: 2 * sec, at: sec},
		{name: "the budget is spent", scene: scene{first: side{work: 9 * sec}, refused: true}, answer: "first", took: 9 * sec},
		{name: "time in the queue does not count", scene: scene{first: side{queue: 5 * sec, work: 9 * sec}, second: side{work: sec}}, answer: "second", took: 7 * sec, at: 6 * sec},
		{name: "nor does time between attempts", scene: scene{first: side{work: 9 * sec}, second: side{work: sec}, retries: 2, retried: 900 * time.Millisecond}, answer: "second", took: 13800 * time.Millisecond, at: 12800 * time.Millisecond},
		{name: "the second fails", scene: scene{first: side{work: 9 * sec}, second: side{work: sec, err: errBroke}}, answer: "first", took: 9 * sec, at: sec},
		{name: "the first fails, the second saves it", scene: scene{first: side{work: 2 * sec, err: errBroke}, second: side{work: 5 * sec}}, answer: "second", took: 6 * sec, at: sec},
		{name: "the request is wrong", scene: scene{first: side{work: 2 * sec, err: errWrong}, second: side{work: 5 * sec}}, err: errWrong, took: 2 * sec, at: sec},
		{name: "both fail", scene: scene{first: side{work: 2 * sec, err: errBroke}, second: side{work: 5 * sec, err: errWrong}}, err: errBroke, took: 6 * sec, at: sec},
		{name: "the first fails fast", scene: scene{first: side{work: 500 * time.Millisecond, err: errBroke}}, err: errBroke, took: 500 * time.Millisecond},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &tt.scene
				got := s.run(t.Context())
				if got.Err != tt.err || tt.err == nil && got.Answer != tt.answer || got.Second != (tt.answer == "second") || got.Tried != (tt.at > 0) {
					t.Errorf("got %+v, want %q, %v", got, tt.answer, tt.err)
				}
				if took := time.Since(s.began); took != tt.took {
					t.Errorf("it took %v, want %v", took, tt.took)
				}
				if s.at != tt.at || len(s.dropped) > 0 {
					t.Errorf("the second began at %v, want %v; dropped %v", s.at, tt.at, s.dropped)
				}
				for _, name := range []string{"first", "second"} {
					if _, ran := s.ended[name]; !ran || name == tt.answer || tt.err != nil {
						continue
					}
					if own := tt.scene.second.err != nil || tt.scene.first.err != nil; !own && s.causes[name] != errLost {
						t.Errorf("%s, which lost, ended with %v", name, s.causes[name])
					}
				}
			})
		})
	}
}

func TestBothAttemptsEndWithTheCaller(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(3*time.Second, func() { cancel(errBroke) })
		s := scene{first: side{work: time.Hour}, second: side{work: time.Hour}}
		if got := s.run(ctx); got.Err != errBroke || time.Since(s.began) != 3*time.Second {
			t.Errorf("got %+v after %v", got, time.Since(s.began))
		}
		if s.causes["first"] != errBroke || s.causes["second"] != errBroke {
			t.Errorf("they ended with %v", s.causes)
		}
	})
}

func TestTheAnswersContextLivesUntilItIsReleased(t *testing.T) {
	t.Parallel()
	for _, slow := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			var won context.Context
			race := Race[int]{
				Delay: time.Second, Lost: errLost, Take: func() bool { return true },
				First: func(ctx context.Context, running func(bool)) (int, error) {
					running(true)
					if slow {
						<-ctx.Done()
						return 0, ctx.Err()
					}
					won = ctx
					return 1, nil
				},
				Second: func(ctx context.Context) (int, error) { won = ctx; return 2, nil },
				Final:  func(error) bool { return false }, Drop: func(int) {},
			}
			result := race.Run(t.Context())
			time.Sleep(time.Hour)
			if result.Err != nil || won.Err() != nil {
				t.Errorf("slow %v: %v; its context has ended: %v", slow, result.Err, won.Err())
			}
			if result.Release(); won.Err() == nil {
				t.Errorf("slow %v: the context was not released", slow)
			}
		})
	}
}

// TestEveryAnswerIsKeptOrDropped draws races, many of them with ends at the same
// moment, and holds them to what must be true of all.
func TestEveryAnswerIsKeptOrDropped(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		draw := func(name string) side {
			p := side{work: time.Duration(rapid.IntRange(0, 4).Draw(rt, name+" works")) * time.Second}
			p.err = rapid.SampledFrom([]error{nil, nil, errBroke, errWrong}).Draw(rt, name+" ends with")
			return p
		}
		s := scene{first: draw("first"), second: draw("second"), refused: rapid.IntRange(0, 9).Draw(rt, "budget") == 0}
		s.first.queue = time.Duration(rapid.IntRange(0, 2).Draw(rt, "queue")) * time.Second
		s.retries = rapid.IntRange(0, 1).Draw(rt, "retries")
		s.retried = time.Duration(rapid.IntRange(1, 4).Draw(rt, "retried")) * 500 * time.Millisecond
		leaves := time.Duration(rapid.IntRange(1, 12).Draw(rt, "the caller leaves")) * time.Second
		var problem string
		synctest.Test(t, func(t *testing.T) { problem = s.verdict(t.Context(), leaves) })
		if problem != "" {
			rt.Fatal(problem)
		}
	})
}

// verdict says what is wrong with the scene's race, "" if nothing is.
func (s *scene) verdict(ctx context.Context, leaves time.Duration) string {
	ctx, cancel := context.WithTimeout(ctx, leaves)
	defer cancel()
	got := s.run(ctx)
	kept := slices.Clone(s.dropped)
	if got.Err == nil {
		kept = append(kept, got.Answer)
	}
	slices.Sort(kept)
	slices.Sort(s.answered)
	switch {
	case got.Err == nil && got.Second != (got.Answer == "second"):
		return "the answer is not whose it is said to be"
	case !slices.Equal(kept, s.answered):
		return fmt.Sprintf("answered have %v, and %v were kept or dropped", s.answered, kept)
	case s.cut:
		return "the context of the answer has ended"
	case s.asked > 1 && !s.refused:
		return "more than one second attempt was asked for"
	case s.idle:
		return "a second attempt was asked for while no first one ran"
	case s.refused && got.Tried:
		return "a second attempt was made without leave"
	}
	return ""
}
