package session

import "sync"

// maxIdle is the number of goroutines that wait for the next call.
const maxIdle = 256

// workers runs each call on a goroutine of its own, as gRPC does, but keeps the
// goroutines for further calls: their stacks have grown to what a call needs,
// which is dear to do anew. The zero value is ready for use.
type workers struct {
	mu      sync.Mutex
	idle    []chan *serverCall // the last is the one that worked last
	stopped bool
}

// do runs k.
func (w *workers) do(k *serverCall) {
	w.mu.Lock()
	if n := len(w.idle); n > 0 {
		worker := w.idle[n-1]
		w.idle = w.idle[:n-1]
		w.mu.Unlock()
		worker <- k
		return
	}
	w.mu.Unlock()
	go w.work(k)
}

// work runs k and then what else there is.
func (w *workers) work(k *serverCall) {
	next := make(chan *serverCall, 1)
	for k != nil {
		k.run()
		if !w.rest(next) {
			return
		}
		k = <-next
	}
}

// rest lists a worker as idle. It reports false if the worker is not needed.
func (w *workers) rest(next chan *serverCall) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopped || len(w.idle) >= maxIdle {
		return false
	}
	w.idle = append(w.idle, next)
	return true
}

// stop ends the workers: at once those that are idle, the others after their call.
func (w *workers) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stopped = true
	for _, next := range w.idle {
		close(next)
	}
	w.idle = nil
}
