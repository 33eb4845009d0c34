package host_test

import (
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/host"
	"github.com/backplane-dev/backplane/host/config"
	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/provider"
)

func TestAConfigurationWithMistakesStartsNothing(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "config.hcl")
	text := "provider \"echo\" {}\nendpoint \"a\" {\n  provider = \"ecko\"\n}\nendpoint \"b\" {\n  provider = \"echo\"\n  settings { latensy = \"1s\" }\n}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := host.Load(t.Context(), file, host.Options{PluginDir: pluginDir})
	var wrong *config.Error
	if !errors.As(err, &wrong) || len(wrong.Diagnostics) != 2 {
		t.Fatalf("got %v, want both mistakes", err)
	}
	for i, want := range []string{file + ":3:14: ", file + ":7:14: "} {
		if got := wrong.Diagnostics[i].String(); !strings.HasPrefix(got, want) || !strings.Contains(got, "ean \"") {
			t.Errorf("%q does not begin with %q and suggest a word", got, want)
		}
	}
}

func TestAProviderThatIsMissingDoesNotStopTheOthers(t *testing.T) {
	t.Parallel()
	h := start(t, echoConfig+`
provider "echoes" {}
endpoint "lost" { provider = "echoes" }
route "either" { endpoints = ["lost", "echo"] }
`)
	p, err := h.Provider("echoes")
	if err != nil {
		t.Fatal(err)
	}
	if p.State != status.ProviderFailed || !strings.Contains(p.Reason, "backplane-provider-echoes") || !strings.Contains(p.Reason, `"echo"`) {
		t.Errorf("state %s: %s", p.State, p.Reason)
	}
	if e, _ := h.Endpoint("lost"); !strings.Contains(e.Problem, "backplane-provider-echoes") {
		t.Errorf("the endpoint's problem is %q", e.Problem)
	}
	if _, err := h.Chat(t.Context(), user("lost", "x")); provider.AsError(err).Code != provider.CodePluginUnavailable {
		t.Errorf("its endpoint: %v", err)
	}
	resp, err := http.Post("http://"+h.Addr()+"/v1/endpoints/lost/chat", "application/json", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if body, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusServiceUnavailable || !strings.Contains(string(body), "backplane-provider-echoes") {
		t.Errorf("its own path: %d %s", resp.StatusCode, body)
	}
	for _, model := range []string{"echo", "either"} {
		if _, err := h.Chat(t.Context(), user(model, "x")); err != nil {
			t.Errorf("%s: %v", model, err)
		}
	}
	if _, err := h.CreateEndpoint(t.Context(), host.EndpointSpec{"provider": "echoes"}); provider.AsError(err).Code != provider.CodePluginUnavailable {
		t.Errorf("a new endpoint of it: %v", err)
	}
	resp, err = http.Get("http://" + h.Addr() + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("the host is not ready: %s", resp.Status)
	}
}

func TestSettingsThatOnlyThePluginCanJudgeAreReportedWhereTheyStand(t *testing.T) {
	t.Parallel()
	h := start(t, openaiConfig("ftp://nowhere"), "OPENAI_API_KEY", "k")
	e, err := h.Endpoint("openai")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(e.Problem, "base_url") {
		t.Errorf("problem %q", e.Problem)
	}
	if _, err := h.Chat(t.Context(), user("openai", "x")); !strings.Contains(err.Error(), "base_url") {
		t.Errorf("call: %v", err)
	}
}

func TestStartSaysWhichAddressIsTaken(t *testing.T) {
	t.Parallel()
	first := start(t, echoConfig)
	opts := host.Options{PluginDir: pluginDir, Listen: first.Addr(), Admin: "off"}
	setup, err := host.Parse(t.Context(), "test.hcl", []byte(echoConfig), opts)
	if err != nil {
		t.Fatal(err)
	}
	second, err := host.New(setup, opts)
	if err != nil {
		t.Fatal(err)
	}
	err = second.Start(t.Context())
	if err == nil || !strings.Contains(err.Error(), first.Addr()) || !strings.Contains(err.Error(), "-listen") {
		t.Errorf("got %v", err)
	}
	if err := second.Shutdown(t.Context()); err != nil {
		t.Errorf("shutdown without start: %v", err)
	}
}

func TestAnAddressThatIsTakenIsToldInOneSentence(t *testing.T) {
	t.Parallel()
	first := start(t, echoConfig)
	opts := host.Options{PluginDir: pluginDir, Listen: first.Addr(), Admin: "off"}
	setup, err := host.Parse(t.Context(), "test.hcl", []byte(echoConfig), opts)
	if err != nil {
		t.Fatal(err)
	}
	h, err := host.New(setup, opts)
	if err != nil {
		t.Fatal(err)
	}
	want := "listen on " + first.Addr() + ": address already in use; choose another address with server.listen or -listen"
	if err := h.Start(t.Context()); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if err := h.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}
