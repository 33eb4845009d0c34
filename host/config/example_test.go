package config_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/host/config"
	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/schema"
)

const example = "../../config.hcl.example"

// described builds plugins and asks them for their manifests, as the host does.
func described(t *testing.T, names ...string) map[string]provider.Manifest {
	t.Helper()
	dir := t.TempDir()
	args := []string{"build", "-buildvcs=false", "-ldflags=-s -w", "-o", dir + string(filepath.Separator)} // links twice as fast
	for _, name := range names {
		args = append(args, "../../plugins/"+name)
	}
	if out, err := exec.CommandContext(t.Context(), "go", args...).CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	manifests := map[string]provider.Manifest{}
	for _, name := range names {
		binary := filepath.Join(dir, name)
		if runtime.GOOS == "windows" {
			binary += ".exe"
		}
		out, err := exec.CommandContext(t.Context(), binary, "describe").Output()
		if err != nil {
			t.Fatalf("describe: %v", err)
		}
		var m provider.Manifest
		if err := json.Unmarshal(out, &m); err != nil {
			t.Fatalf("describe printed no manifest: %v\n%s", err, out)
		}
		manifests[name] = m
	}
	return manifests
}

func TestTheExampleRunsWithoutKeyAndEnvironment(t *testing.T) {
	t.Parallel()
	manifests := described(t, "echo")
	f, diags := config.Load(example, nil)
	if f == nil {
		t.Fatal(diags)
	}
	if names := f.ProviderNames(); len(names) != 1 || names[0] != "echo" {
		t.Errorf("providers %v, want echo alone: the others need a key", names)
	}
	cfg, diags := f.Resolve(manifests)
	if cfg == nil || len(diags) > 0 {
		t.Fatal(diags)
	}
	if cfg.Server.Listen != "127.0.0.1:8080" || cfg.LogLevel != "info" {
		t.Errorf("server %+v, log level %s", cfg.Server, cfg.LogLevel)
	}
	if e := endpoint(t, cfg, "echo"); !reflect.DeepEqual(e.Policy, config.DefaultPolicy()) {
		t.Errorf("the endpoint that shows the defaults has the policy %+v", e.Policy)
	}
	if e := endpoint(t, cfg, "slow"); e.Policy.Queue.Size != 2 || e.Policy.IdleTimeout != 5*time.Second {
		t.Errorf("slow: %+v", e.Policy)
	}
}

// commented matches the blocks of the example that are commented out.
var commented = regexp.MustCompile(`(?ms)^# (?:provider|endpoint|route) "[^"\n]*" \{(?:\}$|$.*?^# \}$)`)

func TestTheExamplesCommentedBlocksAreRightToo(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(example)
	if err != nil {
		t.Fatal(err)
	}
	var blocks strings.Builder
	for _, block := range commented.FindAllString(string(text), -1) {
		blocks.WriteString(regexp.MustCompile(`(?m)^# ?`).ReplaceAllString(block, "") + "\n")
	}
	env := func(name string) (string, bool) {
		return "sk-example", strings.Contains(blocks.String(), `env("`+name+`")`)
	}
	f, diags := config.Parse("uncommented.hcl", []byte(blocks.String()), env)
	if f == nil {
		t.Fatal(diags)
	}
	cfg, diags := f.Resolve(described(t, f.ProviderNames()...))
	if cfg == nil || len(diags) > 0 {
		t.Fatal(diags)
	}
	if e := endpoint(t, cfg, "openai"); e.APIKey.Reveal() != "sk-example" || e.Policy.Timeout != 2*time.Minute {
		t.Errorf("got %+v", e)
	}
	served := map[string]bool{"echo": true}
	for _, e := range cfg.Endpoints {
		served[e.Provider] = true
	}
	plugins, err := filepath.Glob("../../plugins/*/main.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, main := range plugins {
		if name := filepath.Base(filepath.Dir(main)); !served[name] {
			t.Errorf("the example has no endpoint of %s", name)
		}
	}
}

func TestTheExampleMentionsEverySettingWithItsDefault(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(example)
	if err != nil {
		t.Fatal(err)
	}
	blocks := config.Schema()
	blocks["settings of echo"] = described(t, "echo")["echo"].Settings
	for name, o := range blocks {
		mentioned(t, name, string(text), o)
	}
}

// mentioned checks that each setting stands in the text, in force or commented
// out, somewhere with its default.
func mentioned(t *testing.T, block, text string, o schema.Object) {
	t.Helper()
	for _, a := range o.Attributes {
		values := regexp.MustCompile(`(?m)^[ #]*`+a.Name+` *= *([^#\n]*?) *(#.*)?$`).FindAllStringSubmatch(text, -1)
		if len(values) == 0 {
			t.Errorf("%s: the setting %s is not mentioned", block, a.Name)
			continue
		}
		if a.Default == nil || len(a.OneOf) > 0 {
			continue
		}
		want, err := json.Marshal(a.Default)
		if err != nil {
			t.Fatal(err)
		}
		found := strings.Contains(text, fmt.Sprintf("%s, the default,", want))
		for _, v := range values {
			found = found || canonical(a, v[1]) == string(want)
		}
		if !found {
			t.Errorf("%s: %s is not mentioned with its default %s: %v", block, a.Name, want, values)
		}
	}
	for _, b := range o.Blocks {
		if !regexp.MustCompile(`(?m)^[ #]*` + b.Name + ` *\{`).MatchString(text) {
			t.Errorf("%s: the block %s is not mentioned", block, b.Name)
		}
		mentioned(t, block+"."+b.Name, text, b.Object)
	}
}

// canonical writes a duration of the file in the form of schema defaults.
func canonical(a schema.Attribute, value string) string {
	if d, err := schema.ParseDuration(strings.Trim(value, `"`)); err == nil && a.Type == schema.Duration {
		return `"` + schema.FormatDuration(d) + `"`
	}
	return value
}
