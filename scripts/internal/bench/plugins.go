package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// What a host with all plugins should stay below.
const (
	aimReady  = 2 * time.Second
	aimMemory = 20 << 20  // of a plugin at rest
	aimObject = 100 << 20 // of host and plugin together, beyond what they have at rest
)

const (
	binaryPrefix = "backplane-provider-"
	settle       = 2 * time.Second // until a process is at rest
)

// pluginsReport is what `bench -plugins` prints.
type pluginsReport struct {
	Plugins []pluginCost `json:"plugins"`
	Host    pluginCost   `json:"host"`
	// Ready are the times from the start of the host until every plugin was
	// ready and /readyz said so, in milliseconds, round by round.
	Ready       []float64    `json:"ready_ms"`
	ReadyMedian float64      `json:"ready_ms_median"`
	ReadyBest   float64      `json:"ready_ms_best"`
	Sum         pluginCost   `json:"sum_of_plugins"`
	Objects     []objectCost `json:"objects"`
}

// pluginCost is what a process costs that does nothing.
type pluginCost struct {
	Name   string `json:"name"`
	Binary int64  `json:"binary_bytes"`
	memory
}

// measurePlugins starts a host with every plugin there is, several times, and
// looks at what they cost.
func measurePlugins(ctx context.Context, o options) error {
	names, err := pluginNames(o.bin)
	if err != nil {
		return err
	}
	report := &pluginsReport{}
	for round := range o.rounds {
		progress("all plugins, round %d of %d", round+1, o.rounds)
		if err := report.round(ctx, o.bin, names, round == o.rounds-1); err != nil {
			return err
		}
	}
	report.ReadyMedian, report.ReadyBest = median(slices.Clone(report.Ready)), slices.Min(report.Ready)
	for _, p := range report.Plugins {
		report.Sum.add(p)
	}
	progress("")
	if o.json {
		if err := encode(os.Stdout, report); err != nil {
			return err
		}
	} else {
		report.write(os.Stdout)
	}
	if missed := report.missed(); o.check && len(missed) > 0 {
		return fmt.Errorf("above the aim: %s", strings.Join(missed, "; "))
	}
	return nil
}

// missed lists what is above its aim. Of the starts the best one counts: a machine
// that is busy with other things makes them slower, and nothing makes them faster.
func (r *pluginsReport) missed() []string {
	var missed []string
	if r.ReadyBest > float64(aimReady.Milliseconds()) {
		missed = append(missed, fmt.Sprintf("ready after %.0f ms at best, aim %d ms", r.ReadyBest, aimReady.Milliseconds()))
	}
	for _, p := range r.Plugins {
		if p.Resident > aimMemory {
			missed = append(missed, fmt.Sprintf("%s has %s MB in memory, aim %s", p.Name, mb(p.Resident), mb(aimMemory)))
		}
	}
	for _, o := range r.Objects {
		if o.Grown > aimObject {
			missed = append(missed, fmt.Sprintf("%s took %s MB more, aim %s", o.Name, mb(o.Grown), mb(aimObject)))
		}
	}
	return missed
}

func pluginNames(bin string) ([]string, error) {
	paths, err := filepath.Glob(filepath.Join(bin, "plugins", binaryPrefix+"*"))
	if err != nil || len(paths) == 0 {
		return nil, fmt.Errorf("no plugins below %s; run scripts/build", bin)
	}
	for i, path := range paths {
		paths[i] = strings.TrimPrefix(filepath.Base(path), binaryPrefix)
	}
	return paths, nil
}

// round starts the host once. The last round looks at memory and moves objects.
func (r *pluginsReport) round(ctx context.Context, bin string, names []string, last bool) error {
	group := &group{ctx: ctx}
	defer group.stop()
	store, _, err := group.role("role-store")
	if err != nil {
		return err
	}
	t, took, err := group.allPlugins(bin, names, store)
	if err != nil {
		return err
	}
	r.Ready = append(r.Ready, millis(took))
	if !last {
		return nil
	}
	sleep(ctx, settle)
	for _, name := range names {
		cost, err := measureCost(name, filepath.Join(bin, "plugins", binaryPrefix+name), t.processes[name])
		if err != nil {
			return err
		}
		r.Plugins = append(r.Plugins, cost)
	}
	if r.Host, err = measureCost(backplane, filepath.Join(bin, "backplane"), t.processes["host"]); err != nil {
		return err
	}
	r.Objects, err = moveObjects(ctx, t)
	return err
}

// start starts a host with every plugin from nothing, and returns how long it took
// until all were ready.
func (c benchCase) start(ctx context.Context, w *world, t *target) (figures, error) {
	g := &group{ctx: ctx}
	defer g.stop()
	bin := w.builds[t.name]
	names, err := pluginNames(bin)
	if err != nil {
		return nil, err
	}
	store, _, err := g.role("role-store")
	if err != nil {
		return nil, err
	}
	_, took, err := g.allPlugins(bin, names, store)
	return figures{readyAfter: millis(took)}, err
}

// allPlugins starts the host with an endpoint of every plugin, and returns it
// once all of them are ready, and how long that took.
func (g *group) allPlugins(bin string, names []string, store string) (*target, time.Duration, error) {
	settings := map[string]string{"s3-kit": fmt.Sprintf(`
    endpoint   = "http://%s"
    access_key = "bench"
    secret_key = env("BENCH_KEY")`, store)}
	text := ""
	for _, name := range names {
		text += fmt.Sprintf("provider %q {}\nendpoint \"the-%s\" {\n  provider = %q\n", name, name, name)
		if name != "s3-kit" { // its keys are settings
			text += "  api_key = env(\"BENCH_KEY\")\n"
		}
		text += "  settings {" + settings[name] + "\n  }\n}\n"
	}
	begin := time.Now()
	t, err := g.host(bin, func(addr, admin, _ string) string {
		return fmt.Sprintf("server {\n  listen = %q\n  admin  = %q\n}\nlog { level = \"warn\" }\n", addr, "unix:"+admin) + text
	})
	if err != nil {
		return nil, 0, err
	}
	if err := t.waitFor(names); err != nil {
		return nil, 0, err
	}
	return t, time.Since(begin), nil
}

// waitFor waits until the named plugins are ready, and notes their processes.
func (t *target) waitFor(names []string) error {
	waiting := ""
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		states, err := t.providers()
		if err != nil {
			return err
		}
		waiting = ""
		for _, name := range names {
			if p := states[name]; p.State == "ready" {
				t.processes[name] = p.PID
			} else {
				waiting += " " + name + " (" + p.State + ")"
			}
		}
		if waiting == "" {
			return nil
		}
	}
	return fmt.Errorf("not ready after 20 s:%s", waiting)
}

// providerState is what the admin API says of a provider.
type providerState struct {
	Name  string `json:"name"`
	State string `json:"state"`
	PID   int    `json:"pid"`
}

func (t *target) providers() (map[string]providerState, error) {
	resp, err := unixClient(t.admin).Get("http://admin/admin/v1/providers")
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	var list struct {
		Data []providerState `json:"data"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&list); err != nil || resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the admin API did not list the providers (%s): %w", resp.Status, err)
	}
	states := map[string]providerState{}
	for _, p := range list.Data {
		states[p.Name] = p
	}
	return states, nil
}

func measureCost(name, binary string, pid int) (pluginCost, error) {
	cost := pluginCost{Name: name}
	info, err := os.Stat(binary)
	if err != nil {
		return cost, err
	}
	cost.Binary = info.Size()
	cost.memory, err = readMemory(pid)
	return cost, err
}

func (c *pluginCost) add(other pluginCost) {
	c.Name = "sum"
	c.Binary += other.Binary
	c.Resident += other.Resident
	c.Proportional += other.Proportional
	c.Own += other.Own
}

// write prints a table and a few lines.
func (r *pluginsReport) write(w io.Writer) {
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(tab, "at rest, MB\tbinary\tresident\tproportional\town\t")
	for _, c := range append(slices.Clone(r.Plugins), r.Sum, r.Host) {
		_, _ = fmt.Fprintf(tab, "%s\t%s\t%s\t%s\t%s\t\n", c.Name, mb(c.Binary), mb(c.Resident), mb(c.Proportional), mb(c.Own))
	}
	_ = tab.Flush()
	_, _ = fmt.Fprintf(w, "\n%d plugins ready after %.0f ms, median of %d starts; %.0f ms at best\n",
		len(r.Plugins), r.ReadyMedian, len(r.Ready), r.ReadyBest)
	for _, o := range r.Objects {
		_, _ = fmt.Fprintf(w, "%s: %.1f s, %s MB more memory in host and s3-kit together\n", o.Name, o.Seconds, mb(o.Grown))
	}
	_, _ = fmt.Fprintf(w, "above the aim: %s\n", cmp.Or(strings.Join(r.missed(), "; "), "nothing"))
}

func mb(bytes int64) string { return fmt.Sprintf("%.1f", float64(bytes)/(1<<20)) }
