package host_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/backplane-dev/backplane/host"
	"github.com/backplane-dev/backplane/host/status"
)

// builds are the versions of the plugin in testdata/versions, each built once.
var builds struct {
	mu   sync.Mutex
	path map[string]string
}

// version builds a version of the plugin, with something wrong in it if fault is
// not empty, and returns its path.
func version(t *testing.T, number, fault string) string {
	t.Helper()
	builds.mu.Lock()
	defer builds.mu.Unlock()
	key := number + fault
	if path, ok := builds.path[key]; ok {
		return path
	}
	name := "versions"
	if fault == "name" {
		name, fault = "somebody", ""
	}
	path := filepath.Join(pluginDir, "version-"+key)
	flags := fmt.Sprintf("-X main.version=%s -X main.fault=%s -X main.name=%s", number, fault, name)
	if out, err := exec.Command("go", "build", "-buildvcs=false", "-ldflags", flags, "-o", path, "./testdata/versions").CombinedOutput(); err != nil {
		t.Fatalf("build version %s: %v\n%s", number, err, out)
	}
	if builds.path == nil {
		builds.path = make(map[string]string)
	}
	builds.path[key] = path
	return path
}

// site is a host with a configuration file and a plugin that can be replaced.
type site struct {
	*host.Host
	dir string
}

const versionsConfig = `
provider "versions" {
  path          = "plugin"
  start_timeout = "20s"
}
endpoint "one" { provider = "versions" }
`

// startSite runs a host on a file with version 1.0.0 as its plugin.
func startSite(t *testing.T, configuration string) *site {
	t.Helper()
	s := &site{dir: t.TempDir()}
	s.place(t, version(t, "1.0.0", ""))
	s.write(t, configuration)
	s.Host = s.host(t)
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

// host makes a host of the file as it is.
func (s *site) host(t *testing.T) *host.Host {
	t.Helper()
	opts := testOptions(t)
	setup, err := host.Load(t.Context(), filepath.Join(s.dir, "config.hcl"), opts)
	if err != nil {
		t.Fatal(err)
	}
	return hostOf(t, setup, opts)
}

func (s *site) write(t *testing.T, configuration string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, "config.hcl"), []byte(configuration), 0o600); err != nil {
		t.Fatal(err)
	}
}

// place puts a binary where the configuration has it, by a rename.
func (s *site) place(t *testing.T, from string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	next := filepath.Join(s.dir, "next")
	if err := os.WriteFile(next, data, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(next, filepath.Join(s.dir, "plugin")); err != nil {
		t.Fatal(err)
	}
}

// say asks an endpoint, whose answer comes after as many milliseconds.
func (s *site) say(t *testing.T, model string) string {
	t.Helper()
	resp, err := s.Chat(t.Context(), user(model, "0"))
	if err != nil {
		t.Fatalf("%s: %v", model, err)
	}
	return *resp.Choices[0].Message.Content
}

func (s *site) wantSays(t *testing.T, model, want string) {
	t.Helper()
	if got := s.say(t, model); got != want {
		t.Errorf("%s says %q, want %q", model, got, want)
	}
}

func (s *site) reload(t *testing.T) status.Plan {
	t.Helper()
	p, err := s.Reload(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// pid is the process of a provider.
func (s *site) pid(t *testing.T, name string) int {
	t.Helper()
	p, err := s.Provider(name)
	if err != nil {
		t.Fatal(err)
	}
	return p.PID
}

// askHTTP sends one chat request over HTTP and returns the whole answer.
func askHTTP(client *http.Client, addr, model, prompt string, stream bool) (string, error) {
	body := fmt.Sprintf(`{"model":%q,"stream":%v,"messages":[{"role":"user","content":%q}]}`, model, stream, prompt)
	resp, err := client.Post("http://"+addr+"/v1/chat/completions", "application/json", strings.NewReader(body))
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		return "", err
	case resp.StatusCode != http.StatusOK:
		return "", fmt.Errorf("%s: %s", resp.Status, text)
	case stream && (!bytes.Contains(text, []byte("data: [DONE]")) || bytes.Contains(text, []byte(`"error"`))):
		return "", fmt.Errorf("a stream was cut: %s", text)
	}
	return string(text), nil
}

// find returns the step of a plan.
func find(p status.Plan, kind status.StepKind, name string) status.Step {
	for _, s := range p.Steps {
		if s.Kind == kind && s.Name == name {
			return s
		}
	}
	return status.Step{}
}
