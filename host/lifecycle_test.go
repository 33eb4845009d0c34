package host_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestAHostThatIsStoppedWhileItStartsLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	h := newHost(t, echoConfig)
	started := make(chan error, 1)
	go func() { started <- h.Start(t.Context()) }()
	for h.Addr() == "" {
		time.Sleep(time.Millisecond) // until it has begun
	}
	addr := h.Addr()
	if err := h.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-started; err == nil || !strings.Contains(err.Error(), "shut down") {
		t.Errorf("Start said %v", err)
	}
	if resp, err := http.Get("http://" + addr + "/healthz"); err == nil {
		_ = resp.Body.Close()
		t.Errorf("it still answers: %s", resp.Status)
	}
	if err := h.Start(t.Context()); err == nil {
		t.Error("it was started after its end")
	}
}

func TestAHostIsStartedOnce(t *testing.T) {
	t.Parallel()
	h := newHost(t, echoConfig)
	var wg sync.WaitGroup
	errs := make(chan error, 4)
	for range 4 {
		wg.Go(func() { errs <- h.Start(t.Context()) })
	}
	wg.Wait()
	close(errs)
	failed := 0
	for err := range errs {
		if err != nil {
			failed++
			if err.Error() != "the host was started already" {
				t.Error(err)
			}
		}
	}
	if failed != 3 {
		t.Errorf("%d of 4 starts failed, want 3", failed)
	}
}
