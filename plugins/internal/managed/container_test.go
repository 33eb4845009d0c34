//go:build unix

package managed_test

import (
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/plugins/internal/managed"
	"github.com/backplane-dev/backplane/plugins/internal/managed/managedtest"
	"github.com/backplane-dev/backplane/plugins/internal/plugintest"
	"github.com/backplane-dev/backplane/sdk/provider"
)

const image = "vllm/vllm-openai:latest"

// contained is a block "server" for a container, with settings of its own laid
// over those of the container.
func (l *lab) contained(t *testing.T, d *managedtest.Docker, over plugintest.Settings) plugintest.Settings {
	t.Helper()
	container := plugintest.Settings{"docker_host": d.Host, "image": image}
	for name, value := range over {
		container[name] = value
	}
	return l.block(t, plugintest.Settings{"mode": "container", "process": nil, "container": container})
}

func TestAContainerIsMadeAsTheSettingsSay(t *testing.T) {
	t.Parallel()
	l, d := newLab(t), managedtest.NewDocker(t, image)
	block := l.contained(t, d, plugintest.Settings{
		"gpus": "device=0,1", "volumes": []string{"/srv/models:/models:ro"}, "network": "ai", "shared_memory": "2GiB", "port": 9000,
	})
	block["model"], block["args"], block["env"] = "org/m", []string{"--dtype", "half; rm -rf /"}, plugintest.Settings{"HF_TOKEN": "x"}
	l.mustOpen(t, "e", block)
	var calls sync.WaitGroup
	for range 4 {
		calls.Go(func() {
			if _, err := l.call(t, "e", provider.OpChat, chat); err != nil {
				t.Error(err)
			}
		})
	}
	calls.Wait()
	all := d.All()
	if len(all) != 1 {
		t.Fatalf("there are %d containers", len(all))
	}
	c := all[0].Config
	if want := []string{"--model", "org/m", "--host", "0.0.0.0", "--port", "9000", "--dtype", "half; rm -rf /"}; !slices.Equal(c.Cmd, want) {
		t.Errorf("got the arguments %q", c.Cmd)
	}
	binding := c.HostConfig.PortBindings["9000/tcp"]
	if len(binding) != 1 || binding[0].HostIP != "127.0.0.1" || binding[0].HostPort != l.port {
		t.Errorf("got the ports %+v", c.HostConfig.PortBindings)
	}
	h := c.HostConfig
	if !slices.Equal(h.Binds, []string{"/srv/models:/models:ro"}) || h.NetworkMode != "ai" || h.ShmSize != 2<<30 || !slices.Equal(c.Env, []string{"HF_TOKEN=x"}) {
		t.Errorf("got %+v", c)
	}
	if len(h.DeviceRequests) != 1 || !slices.Equal(h.DeviceRequests[0].DeviceIDs, []string{"0", "1"}) || h.DeviceRequests[0].Count != 0 {
		t.Errorf("got the devices %+v", h.DeviceRequests)
	}
	if st := l.status(t, "e"); st.Container != all[0].ID || st.Image != image || st.Mode != "container" || st.State != managed.Ready {
		t.Errorf("got %+v", st)
	}
	if lines := logLines(t, l, "e"); len(lines) != 1 || lines[0] != "loading weights: 25%" {
		t.Errorf("got the log %q", lines)
	}
}

func TestAContainerInTheMachinesNetworkListensAtLoopback(t *testing.T) {
	t.Parallel()
	l, d := newLab(t), managedtest.NewDocker(t, image)
	l.mustOpen(t, "e", l.contained(t, d, plugintest.Settings{"network": "host"}))
	l.mustCall(t, "e", provider.OpChat, chat)
	c := d.All()[0].Config
	if got := strings.Join(c.Cmd, " "); got != "--model m --host 127.0.0.1 --port "+l.port || len(c.ExposedPorts)+len(c.HostConfig.PortBindings) != 0 {
		t.Errorf("got %+v", c)
	}
}

func TestAnImageThatIsMissingIsDownloadedAndTheProgressShown(t *testing.T) {
	t.Parallel()
	l, d := newLab(t), managedtest.NewDocker(t)
	l.mustOpen(t, "e", l.contained(t, d, plugintest.Settings{"image": "vllm/vllm-openai"}))
	got, err := plugintest.Stream(t, l.Conn, plugintest.Request(managed.OpStart, `{}`))
	if err != nil {
		t.Fatal(err)
	}
	if seen := strings.Join(got.Chunks, "\n"); !strings.Contains(seen, "downloads the image vllm/vllm-openai: 201MiB of 400MiB, 2 layers") {
		t.Errorf("got %s", seen)
	}
	if last := statusOf(t, []byte(got.Chunks[len(got.Chunks)-1])); last.State != managed.Ready {
		t.Errorf("got %+v", last)
	}
}

func TestAContainerEndsWithItsLastEndpointAndIsRemoved(t *testing.T) {
	t.Parallel()
	l, d := newLab(t), managedtest.NewDocker(t, image)
	old, fresh := l, l.another(t)
	old.mustOpen(t, "e", l.contained(t, d, nil))
	fresh.mustOpen(t, "e", l.contained(t, d, nil))
	old.mustCall(t, "e", provider.OpChat, chat)
	fresh.mustCall(t, "e", provider.OpChat, chat)
	if a, b := old.status(t, "e"), fresh.status(t, "e"); a.Container != b.Container || a.Found || !b.Found {
		t.Errorf("the generations have %+v and %+v", a, b)
	}
	if err := old.CloseEndpoint(t.Context(), "e"); err != nil {
		t.Fatal(err)
	}
	if n := len(d.Running()); n != 1 {
		t.Fatalf("%d containers run after the old generation ended", n)
	}
	if err := fresh.CloseEndpoint(t.Context(), "e"); err != nil {
		t.Fatal(err)
	}
	managedtest.Eventually(t, "the container is removed", func() bool { return len(d.All()) == 0 })
}

func TestAContainerThatNobodyCallsIsTakenOverToo(t *testing.T) {
	t.Parallel()
	l, d := newLab(t), managedtest.NewDocker(t, image)
	l.mustOpen(t, "e", l.contained(t, d, nil))
	l.mustCall(t, "e", provider.OpChat, chat)
	fresh := l.another(t)
	fresh.mustOpen(t, "e", fresh.contained(t, d, nil))
	if err := l.CloseEndpoint(t.Context(), "e"); err != nil {
		t.Fatal(err)
	}
	if st := fresh.await(t, "e", managed.Ready); !st.Found || len(d.Running()) != 1 {
		t.Errorf("got %+v of %d containers that run", st, len(d.Running()))
	}
}

func TestAContainerLeftByAKilledPluginIsTakenOver(t *testing.T) {
	t.Parallel()
	l, d := newLab(t), managedtest.NewDocker(t, image)
	l.mustOpen(t, "e", l.contained(t, d, nil))
	l.mustCall(t, "e", provider.OpChat, chat)
	// A plugin that was killed leaves its container, and its lease is gone: as
	// for one that has other files.
	next := l.another(t)
	next.dir = managedtest.Dir(t)
	next.mustOpen(t, "e", next.contained(t, d, nil))
	next.mustCall(t, "e", provider.OpChat, chat)
	if st := next.status(t, "e"); !st.Found || len(d.All()) != 1 {
		t.Errorf("got %+v of %d containers", st, len(d.All()))
	}
}

func TestAContainerThatCrashesIsStartedAgainAndGivenUp(t *testing.T) {
	t.Parallel()
	l, d := newLab(t), managedtest.NewDocker(t, image)
	block := l.contained(t, d, nil)
	block["max_restarts"] = 1
	l.mustOpen(t, "e", block)
	l.mustCall(t, "e", provider.OpChat, chat)
	first := l.status(t, "e").Container
	d.Kill(137)
	st := l.await(t, "e", managed.Backoff)
	if !strings.Contains(st.Error, "exit status 137, killed since its memory was used up") {
		t.Errorf("got %+v", st)
	}
	l.mustCall(t, "e", provider.OpChat, chat)
	if now := l.status(t, "e"); now.Container == first || len(d.All()) != 1 {
		t.Errorf("got %+v of %d containers", now, len(d.All()))
	}
	d.Set(func(d *managedtest.Docker) { d.ExitCode = 1 })
	d.Kill(1)
	l.await(t, "e", managed.Failed)
	_, err := l.call(t, "e", provider.OpChat, chat)
	wantMessage(t, plugintest.WantError(t, err, provider.CodeUpstream), "exit status 1", "server.start")
	managedtest.Eventually(t, "the container is removed", func() bool { return len(d.All()) == 0 })
}

func TestAContainerIsStoppedByHandForAllGenerations(t *testing.T) {
	t.Parallel()
	l, d := newLab(t), managedtest.NewDocker(t, image)
	other := l.another(t)
	for _, each := range []*lab{l, other} {
		each.mustOpen(t, "e", l.contained(t, d, nil))
		each.mustCall(t, "e", provider.OpChat, chat)
	}
	l.mustCall(t, "e", managed.OpStop, `{}`)
	if len(d.All()) != 0 {
		t.Errorf("%d containers are left", len(d.All()))
	}
	other.await(t, "e", managed.Stopped)
	l.mustCall(t, "e", managed.OpStart, `{"wait":true}`)
	if n := len(d.Running()); n != 1 {
		t.Errorf("%d containers run", n)
	}
}

func TestAContainerWithOtherSettingsIsReplaced(t *testing.T) {
	t.Parallel()
	l, d := newLab(t), managedtest.NewDocker(t, image)
	l.mustOpen(t, "e", l.contained(t, d, nil))
	l.mustCall(t, "e", provider.OpChat, chat)
	changed := l.contained(t, d, plugintest.Settings{"gpus": "all"})
	if diags := l.openAt(t, "e", 2, "http://127.0.0.1:"+l.port+"/v1", changed); len(diags) > 0 {
		t.Fatal(diags)
	}
	l.mustCall(t, "e", provider.OpChat, chat)
	if all := d.All(); len(all) != 1 || len(all[0].Config.HostConfig.DeviceRequests) != 1 || all[0].Config.HostConfig.DeviceRequests[0].Count != -1 {
		t.Errorf("got %+v", all)
	}
}

func TestWhatTheEngineCannotDoIsSaid(t *testing.T) {
	t.Parallel()
	none := managedtest.Dir(t) + "/docker.sock"
	for name, c := range map[string]struct {
		change func(*managedtest.Docker)
		over   plugintest.Settings
		code   provider.Code
		says   []string
	}{
		"no socket":    {nil, plugintest.Settings{"docker_host": "unix://" + none}, provider.CodeUnreachable, []string{none, "no such socket", "docker_host"}},
		"nobody there": {nil, plugintest.Settings{"docker_host": "tcp://127.0.0.1:1"}, provider.CodeUnreachable, []string{"tcp://127.0.0.1:1", "start Docker"}},
		"never pulled": {nil, plugintest.Settings{"image": "a/b:c", "pull": "never"}, provider.CodeNotFound, []string{"a/b:c", "docker pull a/b:c"}},
		"no image": {
			func(d *managedtest.Docker) { d.PullError = "manifest for a/b:c not found" }, plugintest.Settings{"image": "a/b:c"},
			provider.CodeNotFound, []string{"a/b:c", "manifest for a/b:c not found"},
		},
		"port": {
			func(d *managedtest.Docker) {
				d.StartText = "driver failed programming external connectivity: Bind for 127.0.0.1:8000 failed: port is already allocated"
			}, nil, provider.CodeConflict, []string{"is taken", "base_url"},
		},
		"no GPU": {
			func(d *managedtest.Docker) {
				d.StartText = `could not select device driver "nvidia" with capabilities: [[gpu]]`
			}, plugintest.Settings{"gpus": "2"}, provider.CodeUpstream, []string{"NVIDIA Container Toolkit"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, d := newLab(t), managedtest.NewDocker(t, image)
			if c.change != nil {
				d.Set(c.change)
			}
			l.mustOpen(t, "e", l.contained(t, d, c.over))
			_, err := l.call(t, "e", provider.OpChat, chat)
			e := plugintest.WantError(t, err, c.code)
			wantMessage(t, e, c.says...)
			if e.IsTransient() || len(d.All()) != 0 {
				t.Errorf("%+v; %d containers are left", e, len(d.All()))
			}
			if st := l.status(t, "e"); st.State != managed.Failed || st.Error != e.Message {
				t.Errorf("got %+v", st)
			}
		})
	}
}

func TestAnEngineThatTalksNonsenseIsNamed(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	socket := managedtest.Dir(t) + "/docker.sock"
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("<p>")) // a failure is seen by the reader
	})}
	go func() { _ = server.Serve(listener) }() // it ends with Close
	t.Cleanup(func() { _ = server.Close() })
	block := l.block(t, plugintest.Settings{"mode": "container", "process": nil, "container": plugintest.Settings{"docker_host": "unix://" + socket}})
	l.mustOpen(t, "e", block)
	_, err = l.call(t, "e", provider.OpChat, chat)
	wantMessage(t, plugintest.WantError(t, err, provider.CodeProtocol), "Docker Engine", socket)
}

func TestADirectoryThatOthersCanReadIsRefused(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	open := managedtest.Dir(t)
	if err := os.Chmod(open, 0o755); err != nil { //nolint:gosec // that is what the test is about
		t.Fatal(err)
	}
	l.mustOpen(t, "e", l.block(t, plugintest.Settings{"runtime_dir": open}))
	_, err := l.call(t, "e", provider.OpChat, chat)
	wantMessage(t, plugintest.WantError(t, err, provider.CodeInternal), open, "runtime_dir")
}
