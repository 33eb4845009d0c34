package main

import (
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// The upstream tells of what happened to a request at these paths: /watch/arrived/ID
// and /watch/left/ID answer once it has, with the time in nanoseconds since 1970.
const (
	watchPath = "/watch/"
	arrived   = "arrived"
	left      = "left"
)

// watchFor bounds how long the answer waits.
const watchFor = 10 * time.Second

// watched is what happened, in the upstream's process.
var watched = &watch{events: map[string]*event{}}

// watch notes when things happened. It is safe for concurrent use.
type watch struct {
	mu     sync.Mutex
	events map[string]*event
}

type event struct {
	happened chan struct{}
	at       time.Time // once it has happened
}

func (w *watch) event(kind, id string) *event {
	w.mu.Lock()
	defer w.mu.Unlock()
	key := kind + "/" + id
	if w.events[key] == nil {
		w.events[key] = &event{happened: make(chan struct{})}
	}
	return w.events[key]
}

// note says that it happened now. What happens a second time, such as the arrival
// of a request that is tried again, counts the first time.
func (w *watch) note(kind, id string) {
	now := time.Now()
	e := w.event(kind, id)
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case <-e.happened:
	default:
		e.at = now
		close(e.happened)
	}
}

// answer waits until it happened, and forgets it.
func (w *watch) answer(rw http.ResponseWriter, r *http.Request, kind, id string) {
	e := w.event(kind, id)
	select {
	case <-e.happened:
		w.mu.Lock()
		delete(w.events, kind+"/"+id)
		w.mu.Unlock()
		_, _ = fmt.Fprint(rw, e.at.UnixNano()) // the client's loss
	case <-time.After(watchFor):
		http.Error(rw, fmt.Sprintf("request %s: %q did not happen within %v", id, kind, watchFor), http.StatusGatewayTimeout)
	case <-r.Context().Done():
	}
}

// happened asks the upstream when something happened to a request, and waits for
// it.
func happened(client *http.Client, upstream, kind, id string) (time.Time, error) {
	text, err := getText(client, "http://"+upstream+watchPath+kind+"/"+id)
	if err != nil {
		return time.Time{}, err
	}
	nanoseconds, err := strconv.ParseInt(string(text), 10, 64)
	return time.Unix(0, nanoseconds), err
}
