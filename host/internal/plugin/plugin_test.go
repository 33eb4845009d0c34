//go:build unix

package plugin

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/schema"
)

// The test plugin: this test binary, run again, serves testProvider through the
// SDK. What it does wrong is chosen by environment variables, which reach it
// through Spec.Env, and by the body of a call.

const (
	modeEnv    = "TEST_PLUGIN_MODE"    // how it misbehaves around its start
	fileEnv    = "TEST_PLUGIN_FILE"    // a file that some modes look at
	refuseEnv  = "TEST_PLUGIN_REFUSE"  // a file that, while it exists, names an endpoint to refuse
	versionEnv = "TEST_PLUGIN_VERSION" // another version than the binary's
)

// fd1 is the real standard output; the SDK replaces os.Stdout.
var fd1 = os.NewFile(1, "fd1")

// misbehave does what the mode says before the plugin serves, if it ever does.
func misbehave(mode string) {
	switch mode {
	case "exit":
		fmt.Fprintln(os.Stderr, "cannot find the license")
		os.Exit(3)
	case "exit-without-file":
		if _, err := os.Stat(os.Getenv(fileEnv)); err != nil {
			fmt.Fprintln(os.Stderr, "the file is missing")
			os.Exit(4)
		}
	case "panic":
		panic("cannot begin")
	case "hang":
		fmt.Fprintln(os.Stderr, "taking my time")
		select {}
	case "hang-silently-closed":
		_ = fd1.Close()
		time.Sleep(time.Hour)
	case "noise":
		fmt.Fprint(fd1, "Welcome to the plugin!\n\n1|2|three\n")
	case "noise-only":
		for range 2 * maxNoise {
			fmt.Fprintln(fd1, "I am only a program")
		}
		time.Sleep(time.Hour)
	case "foreign-socket":
		fmt.Fprintln(fd1, "1|1|unix|/var/run/other.sock|grpc|")
		time.Sleep(time.Hour)
	case "foreign-machine":
		fmt.Fprintln(fd1, "1|1|tcp|192.0.2.1:80|grpc|")
		time.Sleep(time.Hour)
	case "old-protocol":
		fmt.Fprintln(fd1, "1|99|unix|"+os.Getenv("PLUGIN_UNIX_SOCKET_DIR")+"/s|grpc|")
		time.Sleep(time.Hour)
	case "deaf": // shakes hands, and accepts no connection
		fmt.Fprintln(fd1, "1|1|unix|"+os.Getenv("PLUGIN_UNIX_SOCKET_DIR")+"/s|grpc|")
		time.Sleep(time.Hour)
	case "crash-soon":
		time.AfterFunc(50*time.Millisecond, func() { os.Exit(7) })
	}
}

// testProvider is the provider behind the test plugin.
type testProvider struct{}

func (testProvider) Describe() provider.Manifest {
	version := "1.0.0"
	if v := os.Getenv(versionEnv); v != "" {
		version = v
	}
	return provider.Manifest{
		Name: "test", Version: version,
		Operations: []provider.Operation{
			{Name: "do", Modes: []provider.Mode{provider.ModeCall, provider.ModeStream}},
			{Name: "copy", Modes: []provider.Mode{provider.ModeTransfer}},
		},
		Settings:         schema.Object{Attributes: []schema.Attribute{{Name: "note", Type: schema.String}}},
		ProviderSettings: schema.Object{Attributes: []schema.Attribute{{Name: "region", Type: schema.String, OneOf: []string{"north", "south"}}}},
	}
}

func (testProvider) Configure(_ context.Context, cfg provider.ProviderConfig) error {
	if os.Getenv(modeEnv) == "exit-at-configure" {
		os.Exit(8)
	}
	return cfg.Settings.Decode(&configured)
}

var configured struct {
	Region string `json:"region"`
}

func (testProvider) Open(_ context.Context, cfg provider.EndpointConfig) (provider.Endpoint, error) {
	if id, err := os.ReadFile(os.Getenv(refuseEnv)); err == nil && string(id) == cfg.ID {
		return nil, &provider.ConfigError{Diagnostics: []schema.Diagnostic{{Path: "note", Summary: "Not today"}}}
	}
	var settings struct {
		Note string `json:"note"`
	}
	if err := cfg.Settings.Decode(&settings); err != nil {
		return nil, err
	}
	switch settings.Note {
	case "refuse":
		return nil, &provider.ConfigError{Diagnostics: []schema.Diagnostic{{Path: "note", Summary: "Refused"}}}
	case "exit":
		os.Exit(9)
	case "hang":
		select {}
	}
	return &testEndpoint{note: settings.Note, revision: cfg.Revision}, nil
}

type testEndpoint struct {
	note     string
	revision uint64
}

// wish is the body of a call, answer its answer.
type wish struct {
	Do    string `json:"do"`
	Text  string `json:"text,omitempty"`
	Count int    `json:"count,omitempty"`
}

type answer struct {
	PID      int      `json:"pid"`
	Note     string   `json:"note"`
	Revision uint64   `json:"revision"`
	Region   string   `json:"region"`
	Env      []string `json:"env,omitempty"`
	Stdin    string   `json:"stdin,omitempty"`
	Dir      string   `json:"dir,omitempty"`
	Child    int      `json:"child,omitempty"`
}

func (e *testEndpoint) Call(ctx context.Context, req *provider.Request) (*provider.Response, error) {
	var w wish
	if err := json.Unmarshal(req.Body, &w); err != nil {
		return nil, provider.Errorf(provider.CodeInvalidRequest, "%w", err)
	}
	a := answer{PID: os.Getpid(), Note: e.note, Revision: e.revision, Region: configured.Region}
	if err := e.grant(ctx, w, &a); err != nil {
		return nil, err
	}
	body, err := json.Marshal(a)
	return &provider.Response{Body: body}, err
}

func (e *testEndpoint) grant(ctx context.Context, w wish, a *answer) error {
	switch w.Do {
	case "nap":
		time.Sleep(time.Second)
	case "sleep":
		<-ctx.Done()
		return ctx.Err()
	case "env":
		a.Env = os.Environ()
		input, _ := io.ReadAll(os.Stdin)
		a.Stdin = string(input)
		a.Dir, _ = os.Getwd()
	case "crash":
		go panic("boom: " + w.Text)
		select {}
	case "exit":
		os.Exit(w.Count)
	case "stderr":
		for range max(w.Count, 1) {
			fmt.Fprintln(os.Stderr, w.Text)
		}
	case "stderr-bytes":
		_, _ = os.Stderr.Write(append(bytes.Repeat([]byte{'x'}, w.Count), '\n'))
	case "stdout-bytes":
		_, _ = fd1.Write(bytes.Repeat([]byte{'x'}, w.Count))
	case "print":
		fmt.Fprint(os.Stdout, strings.Repeat(w.Text, w.Count))
		fmt.Fprintln(os.Stderr, "printed")
	case "child":
		return a.spawn(&syscall.SysProcAttr{Setsid: true})
	case "child-in-group":
		return a.spawn(nil)
	case "cut":
		return cutSockets()
	case "panic":
		panic("in the handler")
	case "fail":
		return &provider.Error{Code: provider.CodeOverloaded, Message: w.Text, Source: provider.SourceUpstream}
	}
	return nil
}

// spawn leaves a child behind that holds the output.
func (a *answer) spawn(attr *syscall.SysProcAttr) error {
	cmd := exec.Command("sleep", "60")
	cmd.Stdout, cmd.Stderr = fd1, os.Stderr
	cmd.SysProcAttr = attr
	err := cmd.Start()
	if err == nil {
		a.Child = cmd.Process.Pid
	}
	return err
}

// cutSockets breaks all connections of the process, and its listener.
func cutSockets() error {
	for fd := 3; fd < 100; fd++ {
		_ = syscall.Shutdown(fd, syscall.SHUT_RDWR)
	}
	return nil
}

func (e *testEndpoint) Stream(ctx context.Context, req *provider.Request, out provider.Sink) (provider.Finish, error) {
	var w wish
	if err := json.Unmarshal(req.Body, &w); err != nil {
		return provider.Finish{}, err
	}
	for i := range w.Count {
		if err := out.Send(fmt.Appendf(nil, `{"pid":%d,"n":%d}`, os.Getpid(), i)); err != nil {
			return provider.Finish{}, err
		}
	}
	if w.Do == "sleep" {
		<-ctx.Done()
		return provider.Finish{}, ctx.Err()
	}
	return provider.Finish{Reason: "stop"}, nil
}

func (e *testEndpoint) Transfer(ctx context.Context, req *provider.TransferRequest, out provider.TransferSink) (provider.Finish, error) {
	if err := out.Start(provider.TransferHead{ContentType: "text/plain", Length: -1}); err != nil {
		return provider.Finish{}, err
	}
	if strings.Contains(string(req.Body), "sleep") {
		<-ctx.Done()
		return provider.Finish{}, ctx.Err()
	}
	_, err := io.Copy(out, req.Data)
	return provider.Finish{}, err
}

func (e *testEndpoint) Test(context.Context, *provider.Request) error {
	if e.note == "bad" {
		return provider.Errorf(provider.CodeAuth, "the key is wrong")
	}
	return nil
}
