package managed

import (
	"context"
	"time"
)

// launcher brings a server to life, or finds the one that lives already.
type launcher interface {
	// launch returns once the server has been started; whether it answers is not
	// its business. progress is told what takes long.
	launch(ctx context.Context, progress func(string)) (instance, error)
	// runs reports whether another process of the plugin has it running.
	runs(ctx context.Context) bool
}

// instance is a server that was started, or found.
type instance interface {
	// ended is closed when the server is gone; how says in which way then.
	ended() <-chan struct{}
	how() ending
	// logs returns the last n lines that the server printed.
	logs(ctx context.Context, n int) ([]string, error)
	// stop ends the server, also for others who use it.
	stop(ctx context.Context) error
	// release gives the server up. It ends if nobody else uses it.
	release()
	// facts adds what there is to say about the server.
	facts(s *Status)
}

// ending is how a server ended.
type ending struct {
	text  string
	asked bool // somebody asked for it
}

// stranger is a server that answers at the address and was started by somebody
// else. It is neither stopped nor are its words known here.
type stranger struct{}

func (stranger) ended() <-chan struct{}                      { return nil }
func (stranger) how() ending                                 { return ending{} }
func (stranger) logs(context.Context, int) ([]string, error) { return nil, nil }
func (stranger) stop(context.Context) error                  { return nil }
func (stranger) release()                                    {}
func (stranger) facts(s *Status)                             { s.Foreign = true }

// sleep waits, or returns why ctx ended.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
