package config

import (
	"slices"
	"time"

	"github.com/backplane-dev/backplane/sdk/schema"
)

// Defaults of blocks other than endpoints; see [DefaultPolicy] for those.
const (
	defaultListen          = "127.0.0.1:8080"
	defaultLogLevel        = "info"
	defaultMaxBody         = 32 << 20
	defaultMaxBuffered     = 256 << 20
	defaultShutdownTimeout = 30 * time.Second
	defaultStartTimeout    = 10 * time.Second
)

// settingsBlock is the name of the block that belongs to the plugin.
const settingsBlock = "settings"

const day = 24 * 60 * 60 // seconds, the longest of all durations

// serverBlock describes the block server {}.
func serverBlock() schema.Object {
	return schema.Object{Attributes: []schema.Attribute{
		{Name: "listen", Type: schema.String, Default: defaultListen,
			Description: `Address of the OpenAI-compatible API, "host:port"; ":8080" listens on all interfaces`},
		{Name: "admin", Type: schema.String,
			Description: `Address of the admin API: "unix:/path/of/socket", "host:port", or "off"; by default a socket in $XDG_RUNTIME_DIR/backplane, else in the temporary folder`},
		{Name: "plugin_dir", Type: schema.String, Min: schema.Bound(1),
			Description: "Folder with the providers' binaries, relative to this file; by default the folder plugins beside the backplane binary"},
		{Name: "max_body_size", Type: schema.Size, Default: schema.FormatSize(defaultMaxBody), Min: schema.Bound(1 << 10), Max: schema.Bound(1 << 40),
			Description: "Largest request body; a larger one is answered with 413"},
		{Name: "max_buffered_size", Type: schema.Size, Default: schema.FormatSize(defaultMaxBuffered), Min: schema.Bound(2 << 10), Max: schema.Bound(1 << 41),
			Description: "Memory for the bodies of all requests together; further requests wait, and are answered with 503 after 10 s. At least twice max_body_size, which also raises the default"},
		{Name: "tenant_by", Type: schema.String, Default: TenantByKey,
			Description: `What tells the tenants apart who share an endpoint's queue fairly: "key", the key that the client sends; "header:x-team", a header; "none"`},
		{Name: "priority_header", Type: schema.String, Default: DefaultPriorityHeader,
			Description: `Header in which a client says "high", "normal" or "low"; "" ignores what clients say`},
		{Name: "http_server", Type: schema.String, Default: HTTPLean, OneOf: []string{HTTPLean, HTTPStandard},
			Description: `What serves the API: "lean", the host's own for plain HTTP/1.1 on Linux, with Go's for the rest; "standard", Go's alone`},
		{Name: "lock_file", Type: schema.String, Min: schema.Bound(1),
			Description: "File that pins the providers' binaries, relative to this file; by default backplane.lock.hcl, if there is one"},
		{Name: "trusted_keys", Type: schema.StringList,
			Description: "Public keys by one of which every provider's binary must be signed; by default signatures are not looked at"},
		{Name: "watch", Type: schema.Bool, Default: false,
			Description: "Swap providers by themselves whose binary was replaced, if it is pinned in the lock file or signed by a trusted key"},
		{Name: "cgroup", Type: schema.String, Pattern: "/.+", Description: "Folder of cgroup v2 that the host may make others in, for limits of its plugins"},
		duration("shutdown_timeout", defaultShutdownTimeout, "Time that running requests are given to finish when the host stops"),
	}}
}

// logBlock describes the block log {}.
func logBlock() schema.Object {
	return schema.Object{Attributes: []schema.Attribute{
		{Name: "level", Type: schema.String, Default: defaultLogLevel, OneOf: []string{"trace", "debug", "info", "warn", "error", "off"},
			Description: "Least severe level that is logged"},
	}}
}

// providerBlock describes the block provider "name" {}.
func providerBlock() schema.Object {
	o := policyBlock()
	o.Attributes = slices.Concat([]schema.Attribute{
		{Name: "path", Type: schema.String, Min: schema.Bound(1),
			Description: "The binary, relative to this file; by default backplane-provider-<name> in plugin_dir"},
		{Name: "env", Type: schema.StringMap, Sensitive: true,
			Description: "Environment variables of the process, which gets none of the host's"},
		{Name: "forward_env", Type: schema.StringList,
			Description: "Names of the host's environment variables that are passed on if set"},
		startTimeout(),
	}, lifetimeSettings(), []schema.Attribute{
		modelSetting("Model of endpoints that name none"),
		keySetting("Credential of endpoints that have none of their own"),
	}, o.Attributes)
	o.Blocks = append([]schema.Block{
		{Name: settingsBlock, Description: "Settings of the process, declared by the plugin"},
		{Name: "process", Description: "What the process may do and use", Object: processBlock()},
	}, o.Blocks...)
	return o
}

func startTimeout() schema.Attribute {
	a := duration("start_timeout", defaultStartTimeout, "Time from the start of the process until it must be ready")
	a.Min = schema.Bound(0.1)
	return a
}

// endpointBlock describes the block endpoint "id" {}.
func endpointBlock() schema.Object {
	o := policyBlock()
	o.Attributes = append([]schema.Attribute{
		{Name: "provider", Type: schema.String, Required: true, Description: "Name of the provider block"},
		modelSetting("Model to ask for where the request leaves the choice to the endpoint"),
		keySetting("Credential; by default the provider block's, else the first of the plugin's environment variables that is set; \"\" sends none"),
	}, o.Attributes...)
	o.Blocks = append([]schema.Block{
		{Name: settingsBlock, Description: "Settings of the endpoint, declared by the plugin"},
	}, o.Blocks...)
	return o
}

// routeBlock describes the block route "pattern" {}.
func routeBlock() schema.Object {
	return schema.Object{Attributes: []schema.Attribute{
		{Name: "endpoints", Type: schema.StringList, Required: true, Min: schema.Bound(1),
			Description: "Endpoints in the order in which they are tried"},
		modelSetting("Model to ask for instead of the requested one"),
		{Name: "balance", Type: schema.String, Default: BalanceOrdered, OneOf: []string{BalanceOrdered, BalanceWeighted, BalanceLeastInFlight, BalanceLatency},
			Description: "Which endpoint is tried first: the first in order; by weight; the one with the fewest requests in flight; the faster of two picked at random"},
		{Name: "weights", Type: schema.StringMap,
			Description: `Share of each endpoint with balance = "weighted": { fast = 3, slow = 1 }; 1 where none is given, 0 only as a fallback`},
		{Name: "sticky", Type: schema.String,
			Description: "Header whose value keeps a client at one endpoint while that endpoint takes requests"},
	}}
}

func modelSetting(description string) schema.Attribute {
	return schema.Attribute{Name: "model", Type: schema.String, Description: description}
}

func keySetting(description string) schema.Attribute {
	return schema.Attribute{Name: "api_key", Type: schema.String, Sensitive: true, Description: description}
}
