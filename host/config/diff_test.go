package config_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/host/config"
	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/schema"
)

var secretive = schema.Object{
	Attributes: []schema.Attribute{
		{Name: "url", Type: schema.String, Default: "https://a"},
		{Name: "token", Type: schema.String, Sensitive: true},
		{Name: "headers", Type: schema.StringMap, Sensitive: true},
	},
	Blocks: []schema.Block{
		{Name: "tls", Object: schema.Object{Attributes: []schema.Attribute{{Name: "key", Type: schema.String, Sensitive: true}, {Name: "ca", Type: schema.String}}}},
		{Name: "peer", Multiple: true, Object: schema.Object{Attributes: []schema.Attribute{{Name: "key", Type: schema.String, Sensitive: true}}}},
	},
}

func settingsOf(text string) provider.Settings { return provider.NewSettings([]byte(text)) }

// lines are differences as text.
func lines(all []status.Difference) []string {
	var out []string
	for _, d := range all {
		out = append(out, fmt.Sprintf("%s: %s -> %s", d.Setting, d.From, d.To))
	}
	return out
}

func wantLines(t *testing.T, got []status.Difference, want ...string) {
	t.Helper()
	if !slices.Equal(lines(got), want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(lines(got), "\n"), strings.Join(want, "\n"))
	}
}

func TestDifferencesOfEndpointsShowNoSecret(t *testing.T) {
	t.Parallel()
	a := config.Endpoint{ID: "e", Provider: "p", Policy: config.DefaultPolicy(),
		Settings: settingsOf(`{"url":"https://a","token":"t1","headers":{"x":"1"},"tls":{"key":"k1","ca":"c1"},"peer":[{"key":"p1"}]}`)}
	b := a
	wantLines(t, config.DiffEndpoints(a, b, secretive))
	b.APIKey, b.Model = provider.NewSecret("key"), "m<1>"
	b.Policy.Queue.Size, b.Policy.Timeout = 7, 90*time.Second
	b.Settings = settingsOf(`{"url":"https://b","token":"t2","headers":{"x":"2"},"tls":{"key":"k2","ca":"c2"},"peer":[{"key":"p2"}]}`)
	wantLines(t, config.DiffEndpoints(a, b, schema.Object{}, secretive),
		`api_key:  -> (sensitive)`,
		`model:  -> "m<1>"`,
		`queue.size: 100 -> 7`,
		`settings.headers.x: (sensitive) -> (sensitive)`,
		`settings.peer: (sensitive) -> (sensitive)`,
		`settings.tls.ca: "c1" -> "c2"`,
		`settings.tls.key: (sensitive) -> (sensitive)`,
		`settings.token: (sensitive) -> (sensitive)`,
		`settings.url: "https://a" -> "https://b"`,
		`timeout: "1m" -> "1m30s"`,
	)
}

func TestDifferencesOfProvidersSayWhatNeedsAProcess(t *testing.T) {
	t.Parallel()
	key := provider.NewSecret("k")
	a := config.Provider{Name: "p", Defaults: config.Defaults{Policy: config.DefaultPolicy()}}
	b := a
	b.Env = map[string]string{"TOKEN": "secret"}
	b.Lifetime.IdleStop = time.Minute
	b.Process.Memory, b.Process.ConnectPorts = 1<<20, []uint16{}
	b.Defaults.APIKey, b.Defaults.Policy.Retry.Max = &key, 1
	b.Settings = settingsOf(`{"token":"t"}`)
	found := config.DiffProviders(a, b, secretive)
	wantLines(t, found,
		`api_key:  -> (sensitive)`,
		`env.TOKEN:  -> (sensitive)`,
		`idle_stop: "0s" -> "1m"`,
		`process.connect_ports:  -> []`,
		`process.memory: 0 -> 1048576`,
		`retry.max: 3 -> 1`,
		`settings.token:  -> (sensitive)`,
	)
	var needs []string
	for _, d := range found {
		if config.NeedsProcess(d.Setting) {
			needs = append(needs, d.Setting)
		}
	}
	if want := []string{"env.TOKEN", "process.connect_ports", "process.memory", "settings.token"}; !slices.Equal(needs, want) {
		t.Errorf("a process is needed for %v, want %v", needs, want)
	}
}

func TestWhatOnlyANewHostCanTakeOverIsKept(t *testing.T) {
	t.Parallel()
	now := &config.Config{LogLevel: "info", Server: config.DefaultServer()}
	want := &config.Config{LogLevel: "debug", Server: config.DefaultServer()}
	want.Server.Listen, want.Server.MaxBodyBytes, want.Server.Watch = ":1", 1<<20, true
	want.Server.MaxBufferedBytes = 1 << 30
	wantLines(t, config.DiffServers(now, want),
		`listen: "127.0.0.1:8080" -> ":1"`, `log.level: "info" -> "debug"`, `max_body_size: "32MiB" -> "1MiB"`,
		`max_buffered_size: "256MiB" -> "1GiB"`, `watch: false -> true`)
	want.KeepFixed(now)
	left := config.DiffServers(now, want)
	wantLines(t, left, `watch: false -> true`)
	if config.NeedsRestart(left[0].Setting) {
		t.Error("watch needs no restart")
	}
}

func TestMigrationLeavesDefaultsToTheNewVersion(t *testing.T) {
	t.Parallel()
	text := func(name, value string) schema.Attribute {
		return schema.Attribute{Name: name, Type: schema.String, Default: value}
	}
	from := provider.Manifest{Name: "p", Settings: schema.Object{Attributes: []schema.Attribute{
		text("kept", "a"), text("changed", "a"), text("dropped", "a"), {Name: "wait", Type: schema.Duration, Default: "60s"},
	}}}
	to := provider.Manifest{Name: "p", Settings: schema.Object{Attributes: []schema.Attribute{
		text("kept", "a"), text("changed", "b"), text("new", "n"), {Name: "wait", Type: schema.Duration, Default: "5s"},
	}}}
	e := config.Endpoint{ID: "e", Provider: "p", Policy: config.DefaultPolicy(),
		Settings: settingsOf(`{"kept":"mine","changed":"a","dropped":"a","wait":"60s"}`)}
	got, diags := config.Migrate(e, from, to)
	if schema.HasErrors(diags) || !sameObject(t, got.Settings, `{"kept":"mine","changed":"b","new":"n","wait":"5s"}`) {
		t.Errorf("settings %s, %v", got.Settings.JSON(), diags)
	}
	e.Settings = settingsOf(`{"dropped":"mine"}`)
	if _, diags = config.Migrate(e, from, to); !schema.HasErrors(diags) || !strings.Contains(schema.Join(diags), "dropped") {
		t.Errorf("a setting that the new version does not know: %v", diags)
	}
}

// sameObject compares settings whatever their order.
func sameObject(t *testing.T, s provider.Settings, want string) bool {
	t.Helper()
	var got, wanted map[string]any
	if err := s.Decode(&got); err != nil {
		t.Fatal(err)
	}
	if err := settingsOf(want).Decode(&wanted); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(got) == fmt.Sprint(wanted)
}
