package config

import (
	"cmp"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/backplane-dev/backplane/host/lockfile"
	"github.com/backplane-dev/backplane/sdk/schema"
)

// assemble builds what the host's own blocks say. Where a block has mistakes its
// defaults stand in, so that the rest can still be looked at.
func (f *File) assemble() {
	f.config = Config{LogLevel: defaultLogLevel, Server: f.readServer()}
	if f.log != nil && f.log.str("level") != "" {
		f.config.LogLevel = f.log.str("level")
	}
	for _, s := range f.providers {
		f.config.Providers = append(f.config.Providers, f.readProvider(s))
	}
	for _, s := range f.routes {
		f.config.Routes = append(f.config.Routes, f.readRoute(s))
	}
}

// DefaultServer is the server of a configuration without a server block.
func DefaultServer() Server {
	return Server{
		Listen: defaultListen, Admin: DefaultAdminAddr(), PluginDir: DefaultPluginDir(),
		MaxBodyBytes: defaultMaxBody, MaxBufferedBytes: defaultMaxBuffered, TenantBy: TenantByKey, PriorityHeader: DefaultPriorityHeader,
		HTTPServer:      HTTPLean,
		ShutdownTimeout: defaultShutdownTimeout,
	}
}

func (f *File) readServer() Server {
	server := DefaultServer()
	server.LockFile, server.LockOptional = f.relative(lockfile.Name), true
	s := f.server
	if s == nil {
		return server
	}
	if dir := s.str("plugin_dir"); dir != "" {
		server.PluginDir = f.relative(dir)
	}
	if file := s.str("lock_file"); file != "" {
		server.LockFile, server.LockOptional = f.relative(file), false
	}
	server.TrustedKeys = stringsIn(s.values["trusted_keys"])
	f.checkKeys(s, server.TrustedKeys)
	values := struct {
		Cgroup          *string               `json:"cgroup"`
		Watch           *bool                 `json:"watch"`
		Listen          *string               `json:"listen"`
		Admin           *string               `json:"admin"`
		MaxBodySize     *schema.SizeValue     `json:"max_body_size"`
		MaxBuffered     *schema.SizeValue     `json:"max_buffered_size"`
		TenantBy        *string               `json:"tenant_by"`
		PriorityHeader  *string               `json:"priority_header"`
		HTTPServer      *string               `json:"http_server"`
		ShutdownTimeout *schema.DurationValue `json:"shutdown_timeout"`
	}{
		&server.Cgroup, &server.Watch, &server.Listen, &server.Admin, (*schema.SizeValue)(&server.MaxBodyBytes),
		(*schema.SizeValue)(&server.MaxBufferedBytes),
		&server.TenantBy, &server.PriorityHeader, &server.HTTPServer, span(&server.ShutdownTimeout),
	}
	f.decodeRaw(s, &values)
	f.checkBuffered(s, &server)
	return server
}

// checkBuffered makes room for two of the largest bodies by default, and reports a
// setting that does not: room for one is kept for a body whose length is not known
// before it has ended.
func (f *File) checkBuffered(s *section, server *Server) {
	least := 2 * server.MaxBodyBytes
	if server.MaxBufferedBytes >= least {
		return
	}
	if at, given := s.locate("max_buffered_size"); given && !s.isBroken("max_buffered_size") && !s.isBroken("max_body_size") {
		f.errorAt(s, "max_buffered_size", at.value, "Too little memory", fmt.Sprintf(
			`"max_buffered_size" must be at least twice "max_body_size", which is %s: write %s or more, or lower "max_body_size".`,
			schema.FormatSize(server.MaxBodyBytes), schema.FormatSize(least)))
	}
	server.MaxBufferedBytes = least
}

// checkKeys reports trusted keys that are none.
func (f *File) checkKeys(s *section, keys []string) {
	for i, key := range keys {
		if err := lockfile.CheckKey(key); err != nil {
			path := "trusted_keys[" + strconv.Itoa(i) + "]"
			at, _ := s.locate(path)
			f.errorAt(s, path, at.value, "Invalid key", "A public key is what `backplane providers keygen` prints: "+err.Error()+".")
		}
	}
}

func (f *File) readRoute(s *section) Route {
	return Route{
		Pattern: s.label, Endpoints: stringsIn(s.values["endpoints"]), Model: s.str("model"),
		Balance: cmp.Or(s.str("balance"), BalanceOrdered), Weights: weightsIn(s.values["weights"]), Sticky: s.str("sticky"),
	}
}

func (f *File) readProvider(s *section) Provider {
	p := Provider{Name: s.label, StartTimeout: defaultStartTimeout, Defaults: Defaults{Model: s.str("model"), Policy: DefaultPolicy()}}
	if path := s.str("path"); path != "" {
		p.Path = f.relative(path)
	}
	p.Defaults.APIKey = secretIn(s.values["api_key"])
	p.Env = f.environment(s)
	p.Lifetime, p.Process = f.readLifetime(s), f.readProcess(s)
	f.decodeRaw(s, &struct {
		StartTimeout *schema.DurationValue `json:"start_timeout"`
	}{span(&p.StartTimeout)})
	f.decodeRaw(s, &p.Defaults.Policy)
	defaults := DefaultPolicy()
	f.checkPolicy(s, &p.Defaults.Policy, &defaults)
	return p
}

// environment is what a provider's process finds in its environment.
func (f *File) environment(s *section) map[string]string {
	env := make(map[string]string)
	for _, name := range stringsIn(s.values["forward_env"]) {
		if value, ok := f.env.get(name); ok {
			env[name] = value
		}
	}
	given, _ := s.values["env"].(map[string]any)
	for name, value := range given {
		if text, ok := value.(string); ok {
			env[name] = text
		}
	}
	return env
}

// decodeRaw decodes a block without mistakes; one with mistakes changes nothing.
func (f *File) decodeRaw(s *section, into any) {
	if s.raw == nil {
		return
	}
	if err := json.Unmarshal(s.raw, into); err != nil {
		f.errorAt(s, "", s.header, "Invalid settings", sentence(err.Error()))
	}
}

// relative resolves a path against the folder of the file.
func (f *File) relative(path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(filepath.Dir(f.name), path)
}

// stringsIn returns the strings of a list.
func stringsIn(v any) []string {
	list, _ := v.([]any)
	var out []string
	for _, e := range list {
		if s, ok := e.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

// weightsIn reads a route's weights; those that are no numbers are reported
// where the references are checked.
func weightsIn(v any) map[string]int {
	given, _ := v.(map[string]any)
	var weights map[string]int
	for id, value := range given {
		text, _ := value.(string)
		if n, err := strconv.Atoi(text); err == nil {
			if weights == nil {
				weights = make(map[string]int, len(given))
			}
			weights[id] = n
		}
	}
	return weights
}

// Server returns the server block with its defaults, known before
// [File.Resolve] so that the providers' binaries can be found.
func (f *File) Server() Server { return f.config.Server }

// Providers returns the providers in the order of the file, still without their
// settings: what must be found and described before [File.Resolve].
func (f *File) Providers() []Provider { return slices.Clone(f.config.Providers) }

// ProviderNames returns the names of the providers in the order of the file.
func (f *File) ProviderNames() []string {
	names := make([]string, len(f.config.Providers))
	for i, p := range f.config.Providers {
		names[i] = p.Name
	}
	return names
}
