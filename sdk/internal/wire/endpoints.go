package wire

import (
	"context"
	"io"
	"sync"
	"sync/atomic"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// endpoints holds the opened endpoints by id. Safe for concurrent use.
type endpoints struct {
	mu   sync.RWMutex
	open map[string]*handle
}

// handle is one opened endpoint, counted so that a replaced or closed one is
// released when its last call ended. The table holds one count itself.
type handle struct {
	endpoint provider.Endpoint
	config   provider.EndpointConfig
	guard    guard
	uses     atomic.Int64
}

// acquire finds an endpoint and counts a use of it; release must follow.
func (t *endpoints) acquire(id string, revision uint64) (*handle, error) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	h, ok := t.open[id]
	if !ok {
		return nil, provider.Errorf(provider.CodeNotFound, "endpoint %q is not open in this plugin", id)
	}
	if revision > h.config.Revision {
		return nil, provider.Errorf(provider.CodePluginUnavailable,
			"endpoint %q is open at revision %d, not yet at %d", id, h.config.Revision, revision)
	}
	h.uses.Add(1)
	return h, nil
}

// put publishes h and retires the endpoint that it replaces. It refuses a
// revision that is older than the open one: two changes can overtake each other.
// It refuses, too, what comes after the end of ctx: the host has given it up and
// may have given its revision to another change, or closed the endpoint.
func (t *endpoints) put(ctx context.Context, h *handle) error {
	h.uses.Store(1)
	t.mu.Lock()
	old := t.open[h.config.ID]
	if err := overtaken(ctx, old, h); err != nil {
		t.mu.Unlock()
		h.release()
		return err
	}
	if t.open == nil {
		t.open = make(map[string]*handle)
	}
	t.open[h.config.ID] = h
	t.mu.Unlock()
	if old != nil {
		old.release()
	}
	return nil
}

// overtaken says why h must not replace old, nil if it may.
func overtaken(ctx context.Context, old, h *handle) error {
	if old != nil && old.config.Revision > h.config.Revision {
		return provider.Errorf(provider.CodeConflict,
			"endpoint %q is open at revision %d; revision %d is older", h.config.ID, old.config.Revision, h.config.Revision)
	}
	return ctx.Err()
}

// remove forgets an endpoint; an unknown id is fine.
func (t *endpoints) remove(id string) {
	t.mu.Lock()
	old := t.open[id]
	delete(t.open, id)
	t.mu.Unlock()
	if old != nil {
		old.release()
	}
}

// clear forgets all endpoints.
func (t *endpoints) clear() {
	t.mu.Lock()
	all := t.open
	t.open = nil
	t.mu.Unlock()
	for _, h := range all {
		h.release()
	}
}

// release ends one use and closes the endpoint if it was the last.
func (h *handle) release() {
	if h.uses.Add(-1) == 0 {
		h.close()
	}
}

// releaseSoon is release for the end of a call, whose answer must not wait for
// the author's Close.
func (h *handle) releaseSoon() {
	if h.uses.Add(-1) == 0 {
		go h.close()
	}
}

func (h *handle) close() {
	closer, ok := h.endpoint.(io.Closer)
	if !ok {
		return
	}
	if err := h.guard.run(closer.Close); err != nil {
		h.guard.log.Warn("close endpoint", "endpoint", h.config.ID, "revision", h.config.Revision,
			"error", h.guard.secrets.redact(err.Error()))
	}
}
