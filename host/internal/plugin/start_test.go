//go:build unix

package plugin

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/provider"
)

func TestAFailedStartSaysWhatHappened(t *testing.T) {
	t.Parallel()
	const short = 2 * time.Second
	tests := []struct {
		about   string
		env     []string
		change  func(*Spec)
		timeout time.Duration
		want    []string
		state   status.ProviderState
	}{
		{"exit", []string{modeEnv, "exit"}, nil, 0, []string{`the handshake": exit status 3`, "cannot find the license"}, status.ProviderBackoff},
		{"panic", []string{modeEnv, "panic"}, nil, 0, []string{"exit status 2", "panic: cannot begin"}, status.ProviderBackoff},
		{"hang", []string{modeEnv, "hang"}, nil, short, []string{"longer than 2s (start_timeout)", `"the handshake"`, "taking my time"}, status.ProviderBackoff},
		{"closed output", []string{modeEnv, "hang-silently-closed"}, nil, short, []string{"longer than 2s (start_timeout)"}, status.ProviderBackoff},
		{"noise only", []string{modeEnv, "noise-only"}, nil, 0, []string{`it printed "I am only a program" on standard output instead of a handshake`}, status.ProviderBackoff},
		{"no connection", []string{modeEnv, "deaf"}, nil, short, nil, status.ProviderBackoff},
		{"another's socket", []string{modeEnv, "foreign-socket"}, nil, 0, []string{"/var/run/other.sock", "PLUGIN_UNIX_SOCKET_DIR"}, status.ProviderBackoff},
		{"another machine", []string{modeEnv, "foreign-machine"}, nil, 0, []string{"192.0.2.1:80", "not a loopback address"}, status.ProviderBackoff},
		{"another protocol", []string{modeEnv, "old-protocol"}, nil, 0, []string{"incompatible API version", "99"}, status.ProviderBackoff},
		{"another version", []string{versionEnv, "9.9.9"}, nil, 0, []string{"its version is 9.9.9", "`describe` of the binary said 1.0.0", "restart the host"}, status.ProviderFailed},
		{"refused settings", nil, func(s *Spec) { s.Settings = provider.NewSettings([]byte(`{"region":"west"}`)) }, 0, []string{"refused the provider's settings", "region"}, status.ProviderFailed},
		{"another name", nil, func(s *Spec) { s.Name = "best" }, 0, []string{`provider "best"`, `it is provider "test"`}, status.ProviderFailed},
		{"forbidden variable", []string{"PLUGIN_CLIENT_CERT", "x"}, nil, 0, []string{"PLUGIN_CLIENT_CERT belongs to the handshake"}, status.ProviderFailed},
		{"no binary", nil, func(s *Spec) { s.Path = "/no/such/binary" }, 0, []string{"/no/such/binary: file does not exist"}, status.ProviderBackoff},
	}
	for _, tt := range tests {
		t.Run(tt.about, func(t *testing.T) {
			t.Parallel()
			spec := testSpec(t, tt.env...)
			if tt.timeout > 0 {
				spec.StartTimeout = tt.timeout
			}
			if tt.change != nil {
				tt.change(&spec)
			}
			p, _ := newProvider(t, spec)
			err := p.Start(t.Context())
			wantError(t, err, append(tt.want, "provider \""+spec.Name+"\"")...)
			if s := p.Status(false); s.State != tt.state && s.State != status.ProviderStarting || s.Reason == "" {
				t.Errorf("state is %s (%s), want %s", s.State, s.Reason, tt.state)
			}
		})
	}
}

func TestAFailedProviderAnswersAtOnce(t *testing.T) {
	t.Parallel()
	p, _ := newProvider(t, testSpec(t, versionEnv, "9.9.9"))
	if err := p.Start(t.Context()); err == nil {
		t.Fatal("it started")
	}
	begin := time.Now()
	_, err := call(t.Context(), p, "e", wish{})
	e := wantCode(t, err, provider.CodePluginUnavailable, "is failed", "9.9.9")
	if e.IsTransient() {
		t.Error("the error asks for a retry")
	}
	if took := time.Since(begin); took > maxWait/2 {
		t.Errorf("the answer took %v", took)
	}
}

func TestAStartThatFailedIsTriedAgain(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	p, _ := newProvider(t, testSpec(t, modeEnv, "exit-without-file", fileEnv, file))
	wantError(t, p.Start(t.Context()), "exit status 4", "the file is missing")
	if s := p.Status(false); s.LastExit != "exit status 4" {
		t.Errorf("last exit is %q", s.LastExit)
	}
	// Without a process an endpoint is remembered.
	_, err := p.OpenEndpoint(canceled(t), endpointConfig("e", 1, "later"))
	if err == nil {
		t.Error("an endpoint was opened without a process")
	}
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	waitState(t, p, status.ProviderReady)
	if a := mustCall(t, p, "e", wish{}); a.Note != "later" {
		t.Errorf("got %+v", a)
	}
}

func TestOpeningEndpointsOfAProviderThatDoesNotComeUpIsQuick(t *testing.T) {
	t.Parallel()
	p, _ := newProvider(t, testSpec(t, modeEnv, "exit"))
	wantError(t, p.Start(t.Context()), "exit status 3")
	begin := time.Now()
	for _, id := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
		_, err := p.OpenEndpoint(t.Context(), endpointConfig(id, 1, ""))
		wantCode(t, err, provider.CodePluginUnavailable, "exit status 3")
	}
	if took := time.Since(begin); took > maxWait {
		t.Errorf("it took %v", took)
	}
	if s := p.Status(false); len(s.Endpoints) != 8 {
		t.Errorf("remembered %v", s.Endpoints)
	}
}

func canceled(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

func TestNoiseBeforeTheHandshakeIsSkippedAndReported(t *testing.T) {
	t.Parallel()
	p, out := started(t, modeEnv, "noise")
	mustCall(t, p, "e", wish{})
	waitLog(t, out, "plugin prints on standard output", "Welcome to the plugin!")
}

func TestATooLongTemporaryDirectoryIsNamed(t *testing.T) {
	long := filepath.Join(t.TempDir(), strings.Repeat("long", 25))
	if err := os.Mkdir(long, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", long)
	p, _ := newProvider(t, testSpec(t))
	wantError(t, p.Start(t.Context()), long, "set TMPDIR of the host to a shorter path")
}

func TestAtMostFourProcessesStartAtOnce(t *testing.T) {
	// Not parallel: the slots are the program's.
	for range 4 {
		if err := takeStartSlot(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := takeStartSlot(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a fifth slot gave %v", err)
	}
	startSlots.Release()
	if err := takeStartSlot(t.Context()); err != nil {
		t.Errorf("a free slot gave %v", err)
	}
	for range 4 {
		startSlots.Release()
	}
}
