package providertest

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// goroutines runs an instance through a few calls and looks for what remains
// once it is gone.
func goroutines(ctx context.Context, l *lab) error {
	if l.binary() != "" {
		return skipf("only in process; use providertest.Run in the provider's own tests")
	}
	before := stacks()
	if err := l.lifetime(ctx); err != nil {
		return err
	}
	var left map[string]string
	for range 40 { // connections close a little later
		if left = newStacks(before); len(left) == 0 {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	for _, stack := range left {
		return fmt.Errorf("%d goroutines remain after the provider was closed, one of them:\n%s", len(left), stack)
	}
	return nil
}

// lifetime opens an endpoint, calls it, leaves a stream in its middle, and ends.
func (l *lab) lifetime(ctx context.Context) error {
	fresh, err := l.another(ctx)
	if err != nil {
		return err
	}
	defer fresh.close()
	b, err := l.openIn(ctx, fresh)
	if err != nil {
		return err
	}
	if s, err := l.anySample(provider.ModeCall); err == nil {
		_ = b.attempt(ctx, s) // cases of their own look at the answer
	}
	if s, err := l.anySample(provider.ModeStream); err == nil {
		_ = b.attempt(ctx, s) // as above
		if err := b.leave(ctx, s); err != nil {
			return err
		}
	}
	if err := fresh.conn.CloseEndpoint(ctx, b.id); err != nil {
		return err
	}
	if l.service != nil {
		l.service.script(nil)
	}
	return nil
}

// leave cancels a stream after its first event.
func (b *bench) leave(ctx context.Context, s Sample) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := b.rawStream(ctx, b.request(s, "one two three"))
	if err != nil {
		return err
	}
	_, _ = stream.Recv() // whatever it is
	return nil
}

// stacks returns the stacks of all goroutines by the line that names them.
func stacks() map[string]string {
	buf := make([]byte, 1<<20)
	for {
		n := runtime.Stack(buf, true)
		if n < len(buf) {
			buf = buf[:n]
			break
		}
		buf = make([]byte, 2*len(buf))
	}
	all := map[string]string{}
	for stack := range bytes.SplitSeq(buf, []byte("\n\n")) {
		name, _, _ := bytes.Cut(stack, []byte(" [")) // "goroutine 17"
		all[string(name)] = string(stack)
	}
	return all
}

// newStacks returns the goroutines that were not there before, except those of
// the fake service and of idle connections to it.
func newStacks(before map[string]string) map[string]string {
	left := stacks()
	for name, stack := range left {
		if _, old := before[name]; old || ofTheKit(stack) {
			delete(left, name)
		}
	}
	return left
}

func ofTheKit(stack string) bool {
	data := []byte(stack)
	return bytes.Contains(data, []byte("net/http.(*conn).serve")) || bytes.Contains(data, []byte("testing.tRunner"))
}
