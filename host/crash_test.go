package host_test

import (
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/host/status"
)

func TestKillingAPluginUnderLoadGivesEveryCallerExactlyOneAnswer(t *testing.T) {
	t.Parallel()
	h := start(t, `
provider "echo" {}
endpoint "echo" {
  provider = "echo"
  settings { latency = "5ms" }
  queue {
    max_concurrent = 32
    size           = 1000
  }
  retry { initial_delay = "20ms" }
}
`)
	var asked, answered, good atomic.Int64
	var wg sync.WaitGroup
	end := make(chan struct{})
	for i := range 32 {
		wg.Go(func() {
			for {
				select {
				case <-end:
					return
				default:
				}
				asked.Add(1)
				status := ask(t, h.Addr(), i%2 == 0)
				answered.Add(1)
				if status == http.StatusOK {
					good.Add(1)
				}
			}
		})
	}
	for range 3 {
		killPlugin(t, h.Provider)
		time.Sleep(100 * time.Millisecond) // load between two kills, not a wait for anything
	}
	close(end)
	wg.Wait()
	if asked.Load() != answered.Load() || good.Load() == 0 {
		t.Errorf("%d asked, %d answered, %d good", asked.Load(), answered.Load(), good.Load())
	}
	if got := ask(t, h.Addr(), false); got != http.StatusOK {
		t.Errorf("the next request: %d", got)
	}
	stats, err := h.Stats("echo")
	if err != nil {
		t.Fatal(err)
	}
	if stats.Requests != stats.Success+stats.Errors+stats.Canceled || stats.InFlight != 0 || stats.Queued != 0 {
		t.Errorf("something is left: %+v", stats)
	}
	if stats.Circuit.State != status.CircuitClosed {
		t.Errorf("crashes of the plugin opened the circuit of its service: %+v", stats.Circuit)
	}
	p, err := h.Provider("echo")
	if err != nil {
		t.Fatal(err)
	}
	if p.Restarts < 3 || !strings.Contains(p.LastExit, "killed") {
		t.Errorf("%d restarts, last exit %q", p.Restarts, p.LastExit)
	}
}

// ask sends one request and reads the whole answer, of which there must be one.
func ask(t *testing.T, addr string, stream bool) int {
	t.Helper()
	body := `{"model":"echo","messages":[{"role":"user","content":"one two"}]}`
	if stream {
		body = `{"stream":true,` + body[1:]
	}
	resp, err := http.Post("http://"+addr+"/v1/chat/completions", "application/json", strings.NewReader(body))
	if err != nil {
		t.Errorf("no answer: %v", err)
		return 0
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Errorf("the answer broke off: %v", err)
	}
	if stream && resp.StatusCode == http.StatusOK {
		if ends := strings.Count(string(text), "[DONE]") + strings.Count(string(text), `{"error":`); ends != 1 {
			t.Errorf("a stream with %d ends: %s", ends, text)
		}
	}
	return resp.StatusCode
}

// killPlugin kills the running process of the provider echo and waits for its
// successor.
func killPlugin(t *testing.T, find func(string) (status.Provider, error)) {
	t.Helper()
	before, err := find("echo")
	if err != nil {
		t.Fatal(err)
	}
	process, err := os.FindProcess(before.PID)
	if err != nil {
		t.Fatal(err)
	}
	if err := process.Kill(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		now, err := find("echo")
		if err != nil {
			t.Fatal(err)
		}
		if now.State == status.ProviderReady && now.Generation > before.Generation {
			return
		}
	}
	t.Fatal("the plugin did not come back")
}
