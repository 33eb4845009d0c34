package managed

import (
	"context"
	"log/slog"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// local is a server that is run here. It implements [backend].
type local struct {
	server *server
	close  func()
}

func (l *local) acquire(ctx context.Context, limit time.Duration) (func(), error) {
	return l.server.acquire(ctx, limit)
}

func (l *local) status(context.Context) Status { return l.server.status() }

func (l *local) start(context.Context) error { l.server.start(); return nil }

func (l *local) stop(ctx context.Context) error { return l.server.stop(ctx) }

func (l *local) Close() error { l.close(); return nil }

func (l *local) logs(ctx context.Context, n int) ([]string, error) {
	l.server.mu.Lock()
	in, failure := l.server.instance, l.server.failure
	l.server.mu.Unlock()
	if in != nil {
		return in.logs(ctx, n)
	}
	e := provider.Errorf(provider.CodeConflict, "the server does not run, so that it has no log")
	if failure != nil {
		e.Message += "; it ended so: " + failure.Message
	}
	return nil, e
}

func (l *local) await(ctx context.Context) (bool, error) {
	l.server.mu.Lock()
	state, changed, refusal := l.server.state, l.server.changed, l.server.refusal()
	l.server.mu.Unlock()
	if state == Ready || refusal != nil {
		return false, refusal
	}
	select {
	case <-changed:
	case <-time.After(time.Second): // the elapsed time has changed, at least
	case <-ctx.Done():
		return false, ctx.Err()
	}
	return true, nil
}

// external is a server that runs by itself. It implements [backend].
type external struct {
	address string
	hosted  bool
	ask     func(context.Context) error
	leave   context.CancelFunc // ends the watch
	watched chan struct{}      // closed when it has ended
}

// newExternal watches the server if the settings say anything of it.
func newExternal(address string, hosted bool, cfg *config, ask func(context.Context) error) *external {
	ctx, leave := context.WithCancel(context.Background())
	x := &external{address: address, hosted: hosted, ask: ask, leave: leave, watched: make(chan struct{})}
	if !cfg.given || hosted {
		close(x.watched)
		return x
	}
	go x.watch(ctx, cfg.healthInterval())
	return x
}

// watch tells the log when the server begins or ceases to answer.
func (x *external) watch(ctx context.Context, interval time.Duration) {
	defer close(x.watched)
	log := slog.Default().With("server", x.address)
	well := true // nothing is said of a server that answers from the start
	for sleep(ctx, interval) == nil {
		limit, cancel := context.WithTimeout(ctx, probeTimeout)
		err := x.ask(limit)
		cancel()
		if ctx.Err() != nil || well == (err == nil) {
			continue
		}
		if well = err == nil; well {
			log.Info("server answers again")
		} else {
			log.Warn("server does not answer", "error", provider.AsError(err).Message)
		}
	}
}

func (x *external) acquire(context.Context, time.Duration) (func(), error) { return func() {}, nil }

func (x *external) status(ctx context.Context) Status {
	st := Status{Mode: modeAttach, State: External, Address: x.address}
	if x.hosted {
		st.Mode, st.Message = "hosted", "the model is hosted: there is no server to ask"
		return st
	}
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	err := x.ask(ctx)
	if st.Healthy = err == nil; err != nil {
		st.Health = provider.AsError(err).Message
	}
	return st
}

func (x *external) start(context.Context) error { return x.refuse() }
func (x *external) stop(context.Context) error  { return x.refuse() }

func (x *external) logs(context.Context, int) ([]string, error) { return nil, x.refuse() }

func (x *external) await(context.Context) (bool, error) { return false, nil }

func (x *external) Close() error {
	x.leave()
	<-x.watched
	return nil
}

// refuse says that there is nothing to be done here.
func (x *external) refuse() error {
	if x.hosted {
		return provider.Errorf(provider.CodeConflict, "the model is hosted: there is no server to start, stop or look into")
	}
	return provider.Errorf(provider.CodeConflict,
		"the server at %s runs by itself; to have it run here set mode to \"process\" or \"container\" in the endpoint's block \"server\"", x.address)
}
