package host

import (
	"context"
	"fmt"

	"github.com/backplane-dev/backplane/host/internal/api"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// turn is a lock whose wait ends with a context. Changes of one endpoint wait
// for each other, and for no other's: a plugin that hangs while it opens an
// endpoint holds up nobody else.
type turn chan struct{}

func newTurn() turn { return make(turn, 1) }

func (t turn) take(ctx context.Context) error {
	select {
	case t <- struct{}{}:
		return nil
	case <-ctx.Done():
		return provider.AsError(ctx.Err())
	}
}

func (t turn) give() { <-t }

// lockEntry finds an endpoint and takes the turn to change it, which the caller
// gives back.
func (h *Host) lockEntry(ctx context.Context, id string) (*entry, error) {
	for {
		e, err := h.entry(id)
		if err != nil {
			return nil, err
		}
		if err := e.turn.take(ctx); err != nil {
			return nil, err
		}
		now, err := h.entry(id)
		if err == nil && now.turn == e.turn {
			return now, nil
		}
		e.turn.give() // deleted meanwhile, and perhaps created anew
	}
}

// reserve takes an id for an endpoint that is about to be created, one made up
// of the provider's name if id is empty. unreserve gives it back. An id that is
// just being created or deleted is waited for, until ctx ends.
func (h *Host) reserve(ctx context.Context, id, providerName string) (string, error) {
	conflict := func(format string) error {
		return &provider.Error{Code: provider.CodeConflict, Source: provider.SourceHost, Param: "id", Message: fmt.Sprintf(format, id)}
	}
	for {
		taken, exists := h.tryReserve(&id, providerName)
		switch {
		case exists:
			return "", conflict("endpoint %q exists already; change it instead, or choose another id")
		case taken == nil:
			return id, nil
		}
		select {
		case <-taken:
		case <-ctx.Done():
			return "", conflict("endpoint %q is just being created or deleted; try again, or choose another id")
		}
	}
}

// tryReserve is one try of reserve. It says whether the endpoint exists, and
// returns what ends when an id that is taken becomes free.
func (h *Host) tryReserve(id *string, providerName string) (taken <-chan struct{}, exists bool) {
	h.changes.Lock()
	defer h.changes.Unlock()
	endpoints := h.state.Load().endpoints
	if endpoints[*id] != nil {
		return nil, true
	}
	if free := h.reserved[*id]; free != nil {
		return free, false
	}
	for *id == "" || endpoints[*id] != nil || h.reserved[*id] != nil {
		*id = providerName + "-" + api.NewRequestID()[len("req_"):][:6]
	}
	h.reserved[*id] = make(chan struct{})
	return nil, false
}

func (h *Host) unreserve(id string) {
	h.changes.Lock()
	defer h.changes.Unlock()
	close(h.reserved[id])
	delete(h.reserved, id)
}
