package host

import (
	"context"
	"sync"
	"time"
)

const (
	// quietEvery is how often an endpoint that leaves is looked at. It leaves once
	// it was seen without a request twice in a row: a request that was routed just
	// before is not yet to be seen.
	quietEvery = 50 * time.Millisecond
	// stopGrace is the time that a provider's process which is not in the
	// configuration any more has to end, once its endpoints have left.
	stopGrace = 30 * time.Second
)

// leaving are endpoints and providers which a reload has removed. They are not
// found any more, but finish what they have.
type leaving struct {
	life   context.Context // ends when the host stops
	cancel context.CancelFunc
	wg     *sync.WaitGroup
}

func newLeaving() leaving {
	life, cancel := context.WithCancel(context.Background())
	return leaving{life, cancel, new(sync.WaitGroup)}
}

// end waits until all have left, which they do at once now, at the latest when
// ctx ends.
func (l leaving) end(ctx context.Context) {
	l.cancel()
	done := make(chan struct{})
	go func() {
		l.wg.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// leave lets removed endpoints finish what they have, closes them, and then stops
// the removed providers. It does not wait for any of it.
func (h *Host) leave(entries []*entry, providers []*running) {
	h.leaving.wg.Go(func() {
		var wg sync.WaitGroup
		for _, e := range entries {
			wg.Go(func() { h.leaveEndpoint(e) })
		}
		wg.Wait()
		for _, p := range providers {
			if p.Provider != nil {
				wg.Go(func() { h.stopProvider(p) })
			}
		}
		wg.Wait()
	})
}

func (h *Host) leaveEndpoint(e *entry) {
	e.awaitQuiet(h.leaving.life, e.plugin.config.Lifetime.DrainTimeout)
	e.endpoint.Close()
	if e.plugin.Provider == nil || !h.reserveGone(e) {
		return
	}
	defer h.unreserve(e.config.ID)
	if err := e.plugin.CloseEndpoint(context.Background(), e.config.ID); err != nil { // bounded by itself
		h.log.Warn("provider did not close an endpoint that was removed", "endpoint", e.config.ID, "error", err)
	}
}

// reserveGone takes the id of a removed endpoint while the plugin closes it, unless
// the same provider has another endpoint of that id by now, which must stay, or has
// been removed, too.
func (h *Host) reserveGone(e *entry) bool {
	h.changes.Lock()
	defer h.changes.Unlock()
	s, id := h.state.Load(), e.config.ID
	if p := s.plugins[e.config.Provider]; p == nil || p.Provider != e.plugin.Provider {
		return false
	}
	if now := s.endpoints[id]; h.reserved[id] != nil || now != nil && now.plugin.Provider == e.plugin.Provider {
		return false
	}
	h.reserved[id] = make(chan struct{})
	return true
}

func (h *Host) stopProvider(p *running) {
	ctx, cancel := context.WithTimeout(context.Background(), stopGrace)
	defer cancel()
	if err := p.Shutdown(ctx); err != nil {
		h.log.Error("provider that was removed does not stop", "provider", p.config.Name, "error", err)
		return
	}
	h.log.Info("provider was removed and is stopped", "provider", p.config.Name)
}

// awaitQuiet waits until the endpoint has no request, at most for limit and until
// life ends.
func (e *entry) awaitQuiet(life context.Context, limit time.Duration) {
	tick, end := time.NewTicker(quietEvery), time.NewTimer(limit)
	defer tick.Stop()
	defer end.Stop()
	for quiet := 0; quiet < 2; {
		select {
		case <-tick.C:
		case <-end.C:
			return
		case <-life.Done():
			return
		}
		if s := e.endpoint.Stats(); s.Requests <= s.Success+s.Errors+s.Canceled {
			quiet++
		} else {
			quiet = 0
		}
	}
}
