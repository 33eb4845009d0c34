package config

import (
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// LookupEnv looks up an environment variable, like [os.LookupEnv]. nil is an
// empty environment.
type LookupEnv func(name string) (value string, ok bool)

func (l LookupEnv) get(name string) (string, bool) {
	if l == nil {
		return "", false
	}
	return l(name)
}

// Config is a whole configuration, checked and with all defaults filled in.
type Config struct {
	// LogLevel is the least severe level that is logged: trace, debug, info
	// (the default), warn, error or off.
	LogLevel string
	Server   Server
	// Providers, Endpoints and Routes in the order of the file.
	Providers []Provider
	Endpoints []Endpoint
	Routes    []Route
}

// Provider returns the provider of that name, false if there is none.
func (c *Config) Provider(name string) (Provider, bool) {
	for _, p := range c.Providers {
		if p.Name == name {
			return p, true
		}
	}
	return Provider{}, false
}

// Server says where the host listens and what it bounds.
type Server struct {
	// Listen is the address of the OpenAI-compatible API: "127.0.0.1:8080".
	Listen string
	// Admin is the address of the admin API: "unix:/path", "127.0.0.1:9090", or
	// "off". The default is [DefaultAdminAddr].
	Admin string
	// PluginDir is the folder with the providers' binaries. The default is
	// [DefaultPluginDir].
	PluginDir string
	// MaxBodyBytes is the largest request body, 32 MiB if not configured.
	MaxBodyBytes int64
	// MaxBufferedBytes bounds the bodies that are in memory at one time, over all
	// connections: 256 MiB if not configured, or twice MaxBodyBytes if that is more.
	MaxBufferedBytes int64
	// TenantBy says what tells the tenants apart who share an endpoint's queue
	// fairly: [TenantByKey], the default, "header:<name>", or [TenantByNone].
	TenantBy string
	// PriorityHeader is the header in which clients name a priority; "" ignores
	// what they say. The default is [DefaultPriorityHeader].
	PriorityHeader string
	// HTTPServer is what serves the OpenAI-compatible API: [HTTPLean], the default,
	// or [HTTPStandard].
	HTTPServer string
	// LockFile pins the providers' binaries: by default backplane.lock.hcl beside
	// the configuration, which need not exist. LockOptional says that it need not.
	LockFile     string
	LockOptional bool
	// TrustedKeys are public keys by one of which every provider's binary must be
	// signed. Default none: signatures are not looked at.
	TrustedKeys []string
	// Watch swaps providers by themselves whose binary was replaced, if its hash is
	// in the lock file or its signature is trusted. Default false.
	Watch bool
	// Cgroup is a folder of cgroup v2 that the host may make others in, for limits
	// of processes. Default "": none.
	Cgroup string
	// ShutdownTimeout is the time that running requests are given to finish
	// when the host stops, 30 s if not configured.
	ShutdownTimeout time.Duration
}

// Provider is one plugin process and what its endpoints inherit.
type Provider struct {
	// Name is the suffix of the binary: backplane-provider-<name>.
	Name string
	// Path of the binary if it is not the one in the plugin folder; a relative
	// path in the file is resolved against the file's folder.
	Path string
	// Settings of the process, checked against the manifest's ProviderSettings.
	Settings provider.Settings
	// Env is the whole environment of the process: the block's env, and the
	// host's variables that forward_env names and that are set.
	Env map[string]string
	// StartTimeout bounds the start of the process until it is ready, 10 s if
	// not configured.
	StartTimeout time.Duration
	// Lifetime says when the process runs, Process what it may do.
	Lifetime Lifetime
	Process  Process
	// Defaults for endpoints of this provider that do not say otherwise.
	Defaults Defaults
}

// Defaults are what endpoints inherit from their provider's block.
type Defaults struct {
	Model string
	// APIKey is nil if the block has no api_key; an empty one says that
	// endpoints have no key and none is looked for in the environment.
	APIKey *provider.Secret
	Policy Policy
}

// Endpoint is one named way to call a provider.
type Endpoint struct {
	ID       string
	Provider string
	// Model is used where the request leaves the choice to the endpoint; "" if
	// neither endpoint nor provider block names one.
	Model string
	// APIKey is the resolved credential, empty if there is none: the endpoint's
	// api_key, else the provider block's, else the first of the manifest's
	// environment variables that is set.
	APIKey provider.Secret
	// Settings are checked against the manifest's Settings, with defaults.
	Settings provider.Settings
	Policy   Policy
}

// Route sends the models that match a pattern to endpoints.
type Route struct {
	// Pattern is an exact model name, or one with * (any text) and ? (any
	// character).
	Pattern string
	// Endpoints in the order in which they are tried.
	Endpoints []string
	// Model replaces the requested name; "" keeps it.
	Model string
	// Balance says which of the endpoints is tried first; the default is
	// [BalanceOrdered]. The others are the fallback, in their order.
	Balance string
	// Weights are the shares of the endpoints with [BalanceWeighted]; 1 for those
	// that are not in it.
	Weights map[string]int
	// Sticky is the header whose value keeps a client at one endpoint; "" for
	// none.
	Sticky string
}

// The values of [Route.Balance].
const (
	BalanceOrdered       = "ordered"
	BalanceWeighted      = "weighted"
	BalanceLeastInFlight = "least_in_flight"
	BalanceLatency       = "latency"
)

// The values of [Server.TenantBy] that are no header.
const (
	TenantByKey  = "key"
	TenantByNone = "none"
)

// The values of [Server.HTTPServer].
const (
	HTTPLean     = "lean"     // the host's own, with net/http's where it does not fit
	HTTPStandard = "standard" // net/http's
)

// DefaultPriorityHeader is the header that names a request's priority.
const DefaultPriorityHeader = "x-backplane-priority"
