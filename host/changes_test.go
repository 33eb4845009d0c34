//go:build unix

package host_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/host"
	"github.com/backplane-dev/backplane/sdk/provider"
)

const twoProviders = `
provider "echo" {}
provider "openai" {}
endpoint "e" { provider = "echo" }
endpoint "o" {
  provider = "openai"
  api_key  = "k"
}
`

func TestAFrozenProviderHoldsUpNoChangeOfAnothersEndpoints(t *testing.T) {
	t.Parallel()
	h := start(t, twoProviders)
	freeze(t, h, "echo")
	stuck := make(chan error, 1)
	go func() {
		_, err := h.CreateEndpoint(t.Context(), host.EndpointSpec{"provider": "echo", "id": "new"})
		stuck <- err
	}()
	time.Sleep(100 * time.Millisecond) // for the change to reach the frozen process
	begin := time.Now()
	if err := h.UpdateEndpoint(t.Context(), "o", host.EndpointSpec{"model": "gpt-4o"}); err != nil {
		t.Error(err)
	}
	if _, err := h.CreateEndpoint(t.Context(), host.EndpointSpec{"provider": "openai", "id": "o2"}); err != nil {
		t.Error(err)
	}
	if err := h.DeleteEndpoint(t.Context(), "o2"); err != nil {
		t.Error(err)
	}
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("changes of the other provider's endpoints took %v", took)
	}
	impatient, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := h.CreateEndpoint(impatient, host.EndpointSpec{"provider": "openai", "id": "new"})
	if e := provider.AsError(err); e == nil || e.Code != provider.CodeConflict {
		t.Errorf("an id that is about to be taken: %v", err)
	}
	if err := <-stuck; err == nil {
		t.Error("a frozen process opened an endpoint")
	}
	if _, err := h.CreateEndpoint(t.Context(), host.EndpointSpec{"provider": "openai", "id": "new"}); err != nil {
		t.Errorf("the id is not free again: %v", err)
	}
}

// freeze stops a provider's process without ending it.
func freeze(t *testing.T, h *host.Host, name string) {
	t.Helper()
	p, err := h.Provider(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(p.PID, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(p.PID, syscall.SIGCONT) }) // it may have been replaced
	waitStopped(t, p.PID)
}

// waitStopped waits until the signal has taken effect, where /proc tells.
func waitStopped(t *testing.T, pid int) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil || strings.Contains(string(stat), ") T ") {
			return
		}
	}
	t.Fatal("the process did not stop")
}
