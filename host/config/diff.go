package config

import (
	"bytes"
	"encoding/json"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/schema"
)

// values are settings by their paths: "queue.size", "settings.base_url".
type values map[string]any

// DiffEndpoints tells what differs between two configurations of an endpoint.
// Values that one of the schemas calls sensitive are not shown.
func DiffEndpoints(a, b Endpoint, settings ...schema.Object) []status.Difference {
	return diff(a.values(), b.values(), sensitive(settings))
}

func (e Endpoint) values() values {
	v := values{"provider": e.Provider, "model": e.Model, "api_key": e.APIKey.Reveal()}
	v.addJSON("", e.Policy)
	v.addJSON(settingsBlock, e.Settings.JSON())
	return v
}

// DiffProviders tells what differs between two provider blocks, the defaults for
// their endpoints among it. Environments and keys are not shown, nor what one of
// the schemas calls sensitive.
func DiffProviders(a, b Provider, settings ...schema.Object) []status.Difference {
	return diff(a.values(), b.values(), sensitive(settings))
}

func (p Provider) values() values {
	v := values{
		"path": absolute(p.Path), "model": p.Defaults.Model, "start_timeout": p.StartTimeout, "lazy": p.Lifetime.Lazy,
		"idle_stop": p.Lifetime.IdleStop, "drain_timeout": p.Lifetime.DrainTimeout, "trial": p.Lifetime.Trial,
		"process.memory": p.Process.Memory, "process.cpus": p.Process.CPUs, "process.processes": p.Process.Processes,
		"process.open_files": p.Process.OpenFiles, "process.user": p.Process.User, "process.files": p.Process.Files,
		"process.read": absolutes(p.Process.Read), "process.write": absolutes(p.Process.Write), "process.required": p.Process.Required,
		"process.connect_ports": p.Process.ConnectPorts, "process.bind_ports": p.Process.BindPorts,
	}
	if p.Defaults.APIKey != nil {
		v["api_key"] = p.Defaults.APIKey.Reveal()
	}
	for name, value := range p.Env {
		v["env."+name] = value
	}
	v.addJSON("", p.Defaults.Policy)
	v.addJSON(settingsBlock, p.Settings.JSON())
	return v
}

// NeedsProcess reports whether a setting of a provider block takes effect with a
// new process only.
func NeedsProcess(setting string) bool {
	for _, prefix := range []string{"env.", "process.", settingsBlock + "."} {
		if strings.HasPrefix(setting, prefix) {
			return true
		}
	}
	return setting == "path"
}

// DiffRoutes tells what differs between two routes of one pattern.
func DiffRoutes(a, b Route) []status.Difference { return diff(a.values(), b.values(), nil) }

func (r Route) values() values {
	return values{"endpoints": r.Endpoints, "model": r.Model, "balance": r.Balance, "weights": r.Weights, "sticky": r.Sticky}
}

// DiffServers tells what differs between the server blocks, and the log levels, of
// two configurations.
func DiffServers(a, b *Config) []status.Difference { return diff(a.server(), b.server(), nil) }

func (c *Config) server() values {
	s := c.Server
	return values{
		"listen": s.Listen, "admin": s.Admin, "plugin_dir": absolute(s.PluginDir), "max_body_size": schema.FormatSize(s.MaxBodyBytes),
		"max_buffered_size": schema.FormatSize(s.MaxBufferedBytes),
		"tenant_by":         s.TenantBy, "priority_header": s.PriorityHeader, "http_server": s.HTTPServer, "lock_file": absolute(s.LockFile), "trusted_keys": s.TrustedKeys,
		"cgroup": s.Cgroup, "shutdown_timeout": s.ShutdownTimeout, "watch": s.Watch, "log.level": c.LogLevel,
	}
}

// absolute makes paths comparable that two files of different names have led to.
func absolute(path string) string {
	if path == "" {
		return ""
	}
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

func absolutes(paths []string) []string {
	var all []string
	for _, path := range paths {
		all = append(all, absolute(path))
	}
	return all
}

// KeepFixed gives the settings that cannot change while the host runs the values
// that they have in now.
func (c *Config) KeepFixed(now *Config) {
	c.LogLevel = now.LogLevel
	c.Server.Listen, c.Server.Admin = now.Server.Listen, now.Server.Admin
	c.Server.MaxBodyBytes, c.Server.MaxBufferedBytes = now.Server.MaxBodyBytes, now.Server.MaxBufferedBytes
	c.Server.TenantBy, c.Server.PriorityHeader = now.Server.TenantBy, now.Server.PriorityHeader
	c.Server.HTTPServer = now.Server.HTTPServer
}

// NeedsRestart reports whether a setting that [DiffServers] has named takes effect
// with a new host only; see [Config.KeepFixed].
func NeedsRestart(setting string) bool {
	switch setting {
	case "listen", "admin", "max_body_size", "max_buffered_size", "tenant_by", "priority_header", "http_server", "log.level":
		return true
	}
	return false
}

// addJSON adds what v is as JSON, an object, below a prefix.
func (all values) addJSON(prefix string, v any) {
	text, err := json.Marshal(v)
	if err != nil {
		return // no value of ours
	}
	object, err := decodeObject(text)
	if err != nil {
		return // as above
	}
	all.add(prefix, object)
}

func (all values) add(prefix string, object map[string]any) {
	for name, v := range object {
		path := strings.TrimPrefix(prefix+"."+name, ".")
		if nested, ok := v.(map[string]any); ok {
			all.add(path, nested)
			continue
		}
		all[path] = v
	}
}

// sensitive returns whether a setting's value is not to be shown.
func sensitive(settings []schema.Object) func(path string) bool {
	return func(path string) bool {
		if path == "api_key" || strings.HasPrefix(path, "env.") {
			return true
		}
		inner, ok := strings.CutPrefix(path, settingsBlock+".")
		return ok && slices.ContainsFunc(settings, func(o schema.Object) bool { return isSensitive(o, inner) })
	}
}

// isSensitive looks a path up in a schema. A list of blocks is one value, and
// sensitive if anything in it is.
func isSensitive(o schema.Object, path string) bool {
	name, rest, nested := strings.Cut(path, ".")
	for _, a := range o.Attributes {
		if a.Name == name {
			return a.Sensitive
		}
	}
	for _, b := range o.Blocks {
		if b.Name == name && nested {
			return isSensitive(b.Object, rest)
		}
		if b.Name == name {
			return anySensitive(b.Object)
		}
	}
	return false
}

func anySensitive(o schema.Object) bool {
	return slices.ContainsFunc(o.Attributes, func(a schema.Attribute) bool { return a.Sensitive }) ||
		slices.ContainsFunc(o.Blocks, func(b schema.Block) bool { return anySensitive(b.Object) })
}

// diff compares settings, in the order of their paths.
func diff(a, b values, hide func(path string) bool) []status.Difference {
	all := maps.Clone(a)
	maps.Copy(all, b)
	var found []status.Difference
	for _, path := range slices.Sorted(maps.Keys(all)) {
		from, to := shown(a[path]), shown(b[path])
		if from == to {
			continue
		}
		if hide != nil && hide(path) {
			from, to = hidden(from), hidden(to)
		}
		found = append(found, status.Difference{Setting: path, From: from, To: to})
	}
	return found
}

func hidden(text string) string {
	if text == "" {
		return ""
	}
	return status.Hidden
}

// shown is a value as text, "" if there is none.
func shown(v any) string {
	if d, ok := v.(time.Duration); ok {
		v = schema.DurationValue(d)
	}
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	if enc.Encode(v) != nil {
		return ""
	}
	out := strings.TrimSpace(text.String())
	if out == `""` || out == "null" {
		return ""
	}
	return out
}
