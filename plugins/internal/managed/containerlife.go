//go:build unix

package managed

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"sync"
	"time"
)

// container is a container that runs. It implements [instance].
type container struct {
	engine *engine
	claim  *claim
	id     string
	found  bool
	grace  time.Duration

	gone  chan struct{}
	leave context.CancelFunc // ends the watch

	mu     sync.Mutex
	ending ending
}

func newContainer(e *engine, c *claim, id string, grace time.Duration, found bool) *container {
	ctx, leave := context.WithCancel(context.Background())
	k := &container{engine: e, claim: c, id: id, grace: grace, found: found, gone: make(chan struct{}), leave: leave}
	go k.watch(ctx)
	return k
}

// askedSuffix is that of the file which says that a container was stopped by
// hand.
const askedSuffix = ".stopped"

// watchPause is the time between two tries to learn of a container's end from an
// engine that cannot be reached.
const watchPause = time.Second

// watch waits for the container's end. An engine that is restarted does not end
// its containers, if it is told so, so that a lost connection means nothing.
func (k *container) watch(ctx context.Context) {
	defer close(k.gone)
	for {
		var end struct{ StatusCode int }
		err := k.engine.ask(ctx, http.MethodPost, "/containers/"+k.id+"/wait", nil, nil, &end)
		if ctx.Err() != nil {
			return
		}
		if err == nil || isStatus(err, http.StatusNotFound) {
			break
		}
		if sleep(ctx, watchPause) != nil {
			return
		}
	}
	limit, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	text := k.engine.exitOf(limit, k.id)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.ending = ending{text: text, asked: k.wasAsked()}
}

// mark and wasAsked tell the other processes of the plugin that the end of the
// container is no crash.
func (k *container) mark() error {
	return os.WriteFile(k.claim.path(askedSuffix), nil, 0o600)
}

func (k *container) wasAsked() bool {
	_, err := os.Stat(k.claim.path(askedSuffix))
	return err == nil
}

func (k *container) ended() <-chan struct{} { return k.gone }

func (k *container) how() ending {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.ending
}

// logs asks the engine, which keeps them.
func (k *container) logs(ctx context.Context, n int) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	query := url.Values{"stdout": {"1"}, "stderr": {"1"}, "tail": {strconv.Itoa(n)}}
	resp, err := k.engine.do(ctx, http.MethodGet, "/containers/"+k.id+"/logs", query, nil)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }() // it was only read
	var r ring
	if err := frames(resp.Body, &r); err != nil {
		return nil, err
	}
	return r.tail(n), nil
}

// stop ends the container and removes it.
func (k *container) stop(ctx context.Context) error {
	err := errors.Join(k.mark(), k.end(ctx))
	k.leave()
	<-k.gone
	k.claim.lease.release()
	k.engine.client.CloseIdleConnections()
	return err
}

// end has the engine stop the container, which goes on if this process ends
// meanwhile, and remove it.
func (k *container) end(ctx context.Context) error {
	query := url.Values{"t": {strconv.Itoa(int(k.grace.Round(time.Second) / time.Second))}}
	err := k.engine.ask(ctx, http.MethodPost, "/containers/"+k.id+"/stop", query, nil, nil)
	if isStatus(err, http.StatusNotFound) {
		err = nil
	}
	return errors.Join(err, k.engine.remove(ctx, k.id))
}

// release gives the container up, and ends it if nobody else has a lease.
func (k *container) release() {
	k.leave()
	<-k.gone
	defer k.engine.client.CloseIdleConnections()
	k.claim.lease.release()
	last, err := tryLock(k.claim.leasePath(), exclusive)
	if last == nil || err != nil {
		return // somebody else uses it
	}
	defer last.release()
	ctx, cancel := context.WithTimeout(context.Background(), k.grace+30*time.Second)
	defer cancel()
	_ = k.end(ctx) // the next start finds what is left of it
}

func (k *container) facts(s *Status) { s.Container, s.Found = k.id, k.found }
