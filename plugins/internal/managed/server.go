package managed

import (
	"context"
	"errors"
	"log/slog"
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
		level := slog.LevelInfo
		switch state {
		case Failed, Unhealthy, Backoff:
			level = slog.LevelWarn
		}
		log.Log(context.Background(), level, "managed server")
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

// takeOverTime bounds the wait for a server that runs already: its keeper answers
// in a moment, and so does an engine that is well.
const takeOverTime = 2 * time.Second

// takeOver supervises a server that another process of the plugin has running,
// whatever begins it otherwise: when the plugin is replaced, the server would end
// with its old process, and the next call wait until the model is loaded again.
// It returns once the server is held here.
func (s *server) takeOver(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, takeOverTime)
	defer cancel()
	if !s.launcher.runs(ctx) {
		return
	}
	s.start()
	for !s.settled() && sleep(ctx, 5*time.Millisecond) == nil {
		continue
	}
}

// settled reports whether a start has led to a server, or to none.
func (s *server) settled() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.instance != nil || s.cancel == nil
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
