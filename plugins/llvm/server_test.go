package main

import (
	"bufio"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/plugins/internal/plugintest"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// The reference server runs by hand too, as the README says.
func TestTheReferenceServerRunsByHand(t *testing.T) {
	t.Parallel()
	binary := filepath.Join(t.TempDir(), "server")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "./testdata/server").CombinedOutput(); err != nil {
		t.Fatalf("build the server: %v: %s", err, out)
	}
	cmd := exec.CommandContext(t.Context(), binary, "-addr", "127.0.0.1:0", "-key", testKey)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill() // it has no other end
		_ = cmd.Wait()         // killed
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	url := strings.TrimSpace(strings.TrimPrefix(line, "listening at "))
	got, err := open(t, url).Call(t.Context(), plugintest.Request(provider.OpChat, `{"model":"echo","messages":[{"role":"user","content":"hello"}]}`))
	if err != nil || !strings.Contains(string(got.Body), `"content":"user: hello"`) {
		t.Errorf("got %v, %v", got, err)
	}
}
