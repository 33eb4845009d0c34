package config

import (
	"time"

	"github.com/backplane-dev/backplane/sdk/schema"
)

// Defaults of blocks other than endpoints; see [DefaultPolicy] for those.
const (
	defaultListen          = "127.0.0.1:8080"
	defaultLogLevel        = "info"
	defaultMaxBody         = 32 << 20
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
	o.Attributes = append([]schema.Attribute{
		{Name: "path", Type: schema.String, Min: schema.Bound(1),
			Description: "The binary, relative to this file; by default backplane-provider-<name> in plugin_dir"},
		{Name: "env", Type: schema.StringMap, Sensitive: true,
			Description: "Environment variables of the process, which gets none of the host's"},
		{Name: "forward_env", Type: schema.StringList,
			Description: "Names of the host's environment variables that are passed on if set"},
		startTimeout(),
		modelSetting("Model of endpoints that name none"),
		keySetting("Credential of endpoints that have none of their own"),
	}, o.Attributes...)
	o.Blocks = append([]schema.Block{
		{Name: settingsBlock, Description: "Settings of the process, declared by the plugin"},
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
	}}
}

func modelSetting(description string) schema.Attribute {
	return schema.Attribute{Name: "model", Type: schema.String, Description: description}
}

func keySetting(description string) schema.Attribute {
	return schema.Attribute{Name: "api_key", Type: schema.String, Sensitive: true, Description: description}
}

// policyBlock describes what provider and endpoint blocks share: [Policy].
func policyBlock() schema.Object {
	p := DefaultPolicy()
	return schema.Object{
		Attributes: []schema.Attribute{
			duration("timeout", p.Timeout, "Bound of a whole request, waiting and retries included; of a stream, up to its first chunk; 0s is no limit"),
			duration("attempt_timeout", p.AttemptTimeout, "Bound of one attempt; 0s is what timeout leaves"),
			duration("first_token_timeout", p.FirstTokenTimeout, "Bound of one attempt's wait for a stream's first chunk; 0s is that of the attempt"),
			duration("idle_timeout", p.IdleTimeout, "Bound of the wait between two chunks of a stream; 0s is no limit"),
		},
		Blocks: []schema.Block{
			{Name: "queue", Description: "What runs at once and what waits", Object: queueBlock(p.Queue)},
			{Name: "retry", Description: "When a failed request is tried again", Object: retryBlock(p.Retry)},
			{Name: "breaker", Description: "When a failing service is left alone", Object: breakerBlock(p.Breaker)},
			{Name: "stats", Description: "What is kept about requests", Object: schema.Object{Attributes: []schema.Attribute{
				{Name: "recent", Type: schema.Bool, Default: p.Stats.Recent, Description: "Keep the story of recent requests for an hour"},
			}}},
		},
	}
}

func queueBlock(q Queue) schema.Object {
	return schema.Object{Attributes: []schema.Attribute{
		{Name: "enabled", Type: schema.Bool, Default: q.Enabled, Description: "Bound the queue; without it any number of requests may wait"},
		count("size", q.Size, 0, 1_000_000, "Requests that may wait; 0 refuses what cannot run at once"),
		count("max_concurrent", q.MaxConcurrent, 0, 100_000, "Requests that run at once; 0 is no limit"),
		{Name: "max_bytes", Type: schema.Size, Default: schema.FormatSize(q.MaxBytes), Max: schema.Bound(1 << 50),
			Description: "Bound of the bodies of waiting requests; 0 is no limit"},
	}}
}

func retryBlock(r Retry) schema.Object {
	return schema.Object{Attributes: []schema.Attribute{
		count("max", r.Max, 0, 100, "Attempts after the first; 0 turns retries off"),
		duration("initial_delay", r.InitialDelay, "Wait before the first retry"),
		number("factor", r.Factor, 1, 10, "Multiplies the wait for each further retry"),
		duration("max_delay", r.MaxDelay, "Longest wait; 0s is no bound"),
		number("jitter", r.Jitter, 0, 1, "Share by which each wait varies, up or down"),
		duration("retry_after_max", r.RetryAfterMax, "Longest wait asked for by the service that is honoured; 0s is no bound"),
		number("budget", r.Budget, 0, 10, "Bound of retries as a share of all requests; 0 is no bound"),
	}}
}

func breakerBlock(b Breaker) schema.Object {
	window := duration("window", b.Window, "Span over which attempts are counted")
	window.Min = schema.Bound(1)
	return schema.Object{Attributes: []schema.Attribute{
		{Name: "enabled", Type: schema.Bool, Default: b.Enabled, Description: "Open the circuit when the service fails"},
		window,
		number("error_rate", b.ErrorRate, 0, 1, "Share of failed attempts above which the circuit opens"),
		count("min_requests", b.MinRequests, 1, 1_000_000, "Attempts in the window below which the share is not judged"),
		duration("open_for", b.OpenFor, "Time that the circuit stays open; doubles with each failed probe"),
		duration("max_open", b.MaxOpen, "Longest time that the circuit stays open"),
		count("probes", b.Probes, 1, 1000, "Attempts let through at once to find out whether the service is back"),
		count("consecutive_failures", b.ConsecutiveFailures, 0, 1_000_000, "Failures in a row that open the circuit; 0 is off"),
	}}
}

func duration(name string, value time.Duration, description string) schema.Attribute {
	return schema.Attribute{Name: name, Type: schema.Duration, Default: schema.FormatDuration(value), Max: schema.Bound(day), Description: description}
}

func count(name string, value int, low, high float64, description string) schema.Attribute {
	return schema.Attribute{Name: name, Type: schema.Int, Default: value, Min: &low, Max: &high, Description: description}
}

func number(name string, value, low, high float64, description string) schema.Attribute {
	return schema.Attribute{Name: name, Type: schema.Number, Default: value, Min: &low, Max: &high, Description: description}
}
