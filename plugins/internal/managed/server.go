package managed

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// State is what a server is doing.
type State string

// The states. A server that runs by itself is external.
const (
	Stopped   State = "stopped"
	Starting  State = "starting"
	Ready     State = "ready"
	Unhealthy State = "unhealthy"
	Stopping  State = "stopping"
	Backoff   State = "backoff" // it ended, and is started again soon
	Failed    State = "failed"
	External  State = "external"
)

// The ways in which a server's supervision is ended from outside.
var (
	errStopped  = errors.New("it was stopped by server.stop")
	errReleased = errors.New("no endpoint uses it any more")
	errIdle     = errors.New("it was stopped since nobody called it")
)

// server is a server that is run here: its state, and the goroutine that brings
// it there. Safe for concurrent use.
type server struct {
	key      string
	spec     *spec
	cfg      *config
	health   string // address that tells of its health
	launcher launcher
	log      *slog.Logger

	mu      sync.Mutex
	changed chan struct{} // closed, and replaced, whenever the state changes
	users   map[string]int
	calls   int
	used    time.Time // the last call's end

	state    State
	since    time.Time // of the state
	began    time.Time // of the start
	message  string
	failure  *provider.Error // why it failed, or did last
	sawWell  time.Time       // when it was last seen to be well
	unwell   string          // what its health said last, "" if it is well
	held     bool            // it was stopped by hand and waits to be started so
	restarts []time.Time
	instance instance

	cancel context.CancelCauseFunc // nil while nobody supervises it
	done   chan struct{}           // closed when the supervision has ended
}

func newServer(key string, s *spec, cfg *config, health string, log *slog.Logger) *server {
	return &server{
		key: key, spec: s, cfg: cfg, health: "http://" + s.address() + health, launcher: newLauncher(s, cfg, health),
		log: log.With("server", s.address()), changed: make(chan struct{}), users: map[string]int{}, state: Stopped, since: time.Now(), used: time.Now(),
	}
}

// set changes the state. It must be called with the mutex held.
func (s *server) set(state State, message string) {
	if state != s.state {
		s.since = time.Now()
		log := s.log.With("state", string(state))
		if message != "" {
			log = log.With("detail", message)
		}
		log.Info("managed server")
	}
	s.state, s.message = state, message
	close(s.changed)
	s.changed = make(chan struct{})
}

// progress tells of something that takes long.
func (s *server) progress(message string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.message != message {
		s.set(s.state, message)
	}
}

// start begins to supervise the server unless that is so already. It returns at
// once.
func (s *server) start() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.startLocked()
}

func (s *server) startLocked() {
	if s.cancel != nil || len(s.users) == 0 {
		return
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	done := make(chan struct{})
	s.cancel, s.done, s.held, s.restarts, s.failure = cancel, done, false, nil, nil
	s.began = time.Now()
	s.set(Starting, "is being started")
	go func() {
		defer close(done)
		s.supervise(ctx)
		cancel(nil)
	}()
}

// stop ends the server and waits until that is done.
func (s *server) stop(ctx context.Context) error {
	s.mu.Lock()
	s.held = true
	done := s.done
	if s.cancel == nil {
		s.set(Stopped, "") // also of one that failed
		s.mu.Unlock()
		return nil
	}
	s.cancel(errStopped)
	s.mu.Unlock()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// use counts an endpoint.
func (s *server) use(endpoint string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users[endpoint]++
}

// leaveTime is the time that an endpoint's end waits for its server's.
const leaveTime = time.Second

// leave ends the use by an endpoint. After the last the server is given up; done
// is closed when that has happened, nil if there is nothing to wait for.
func (s *server) leave(endpoint string) (done <-chan struct{}, last bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.users[endpoint]--; s.users[endpoint] <= 0 {
		delete(s.users, endpoint)
	}
	if len(s.users) > 0 {
		return nil, false
	}
	if s.cancel != nil {
		s.cancel(errReleased)
	}
	return s.done, true
}

// waitFor waits for what may never have begun, and not for ever.
func waitFor(done <-chan struct{}, limit time.Duration) {
	if done == nil {
		return
	}
	select {
	case <-done:
	case <-time.After(limit): // it goes on by itself
	}
}

// usedByOthers reports whether an endpoint of another name uses the server.
func (s *server) usedByOthers(endpoint string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name := range s.users {
		if name != endpoint {
			return true
		}
	}
	return false
}

// acquire waits until the server can be called, and starts it if it may. release
// must follow the call's end.
func (s *server) acquire(ctx context.Context, limit time.Duration) (release func(), err error) {
	ctx, cancel := s.patience(ctx, limit)
	defer cancel()
	s.mu.Lock()
	s.calls++
	s.mu.Unlock()
	if err := s.await(ctx, true); err != nil {
		s.release()
		return nil, err
	}
	return s.release, nil
}

func (s *server) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls--
	s.used = time.Now()
}

// margin is how long before a call's deadline it is told that the server loads:
// in time to say so.
const margin = 150 * time.Millisecond

var errPatience = errors.New("the call's time is over")

// patience bounds the time that a call waits by the time that it has.
func (s *server) patience(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	if at, ok := ctx.Deadline(); ok && (limit <= 0 || time.Until(at) < limit) {
		limit = time.Until(at)
	}
	if limit <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, limit-min(margin, limit/5), errPatience)
}

// retryFailedStart is the time after which a call tries again to start a server
// that could not be started at all.
const retryFailedStart = 10 * time.Second

// await waits until the server is ready. With begin it starts it as a call does.
func (s *server) await(ctx context.Context, begin bool) error {
	for {
		s.mu.Lock()
		if begin {
			s.beginLocked()
		}
		state, changed := s.state, s.changed
		err := s.refusal()
		s.mu.Unlock()
		if state == Ready || state == Unhealthy {
			return nil
		}
		if err != nil {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			if errors.Is(context.Cause(ctx), errPatience) {
				return s.loading()
			}
			return ctx.Err()
		}
	}
}

// beginLocked starts the server if a call may do so.
func (s *server) beginLocked() {
	mayStart := s.cfg.Autostart != startManual && !s.held
	failedLongAgo := s.state == Failed && len(s.restarts) == 0 && time.Since(s.since) > retryFailedStart
	if mayStart && (s.state == Stopped || failedLongAgo) {
		s.startLocked()
	}
}

// refusal says why it is of no use to wait, nil if it is.
func (s *server) refusal() error {
	switch s.state {
	case Failed:
		e := *s.failure
		return &e
	case Stopped:
		e := provider.Errorf(provider.CodeConflict, "the server at %s is not started; call server.start", s.spec.address())
		return e
	default:
		return nil
	}
}

// loading tells a caller whose time is over how far the start has come.
func (s *server) loading() error {
	st := s.status()
	e := provider.Errorf(provider.CodeOverloaded, "the server at %s is %s, for %s now: %s", s.spec.address(), st.State,
		time.Since(s.startedAt()).Round(time.Second), cmpText(st.Message, "it has said nothing yet"))
	e.RetryAfter = s.cfg.healthInterval()
	return e
}

func cmpText(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func (s *server) startedAt() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.began
}

// endpoints names those that use the server.
func (s *server) endpoints() []string {
	var names []string
	for name := range s.users {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
