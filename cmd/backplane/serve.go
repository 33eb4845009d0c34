package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"

	"github.com/hashicorp/go-hclog"

	"github.com/backplane-dev/backplane/host"
	"github.com/backplane-dev/backplane/host/handover"
	"github.com/backplane-dev/backplane/host/status"
)

const serveUsage = `Run the host.

Usage:
  backplane serve -config FILE [flags]

Starts the plugins that the configuration names and answers HTTP. Prints where
it listens, what started, and what did not and why: a provider that cannot start
does not stop the others. The log goes to standard error.

SIGINT (Ctrl-C) or SIGTERM ends the host once the running requests are answered,
or server.shutdown_timeout has passed. A second signal ends it at once.

SIGHUP reads the configuration anew and applies it, as 'backplane reload' does; a
terminal that closes sends it, too.

SIGUSR2 upgrades it: the binary at the same path is started with the same flags
and takes over the listening sockets; once its plugins run, this host drains and
ends. No connection is refused; if the new one does not become ready within a
minute, this one runs on. Sockets of systemd (socket activation, named data and
admin) are taken, and systemd is told that the host is ready.

Example:
  $ backplane serve -config config.hcl
  backplane 0.1.0-dev
    HTTP   http://127.0.0.1:8080
    admin  unix:/run/user/1000/backplane/admin.sock

  PROVIDER  STATE  ABOUT
  echo      ready  0.1.0, process 41207

  ENDPOINT  PROVIDER  MODEL  OPERATIONS
  echo      echo      echo   chat, embeddings, models

  ready; Ctrl-C stops

Flags:
  -config FILE      the configuration
  -listen ADDR      instead of server.listen; port 0 takes a free one
  -admin ADDR       instead of server.admin: unix:/PATH, HOST:PORT or off
  -plugin-dir DIR   instead of server.plugin_dir
  -log-level LEVEL  instead of log.level: trace, debug, info, warn, error or off

Flags for who writes a provider, never for production; both may be repeated:
  -dev-provider NAME=BINARY  run this binary as it stands, whatever the lock file
                             says; build it anew and 'providers swap NAME'
  -reattach NAME=FILE        use the process of a plugin that was started with
                             -debug, under a debugger for instance; FILE has the
                             line that it printed, and is read at each attempt.
                             BACKPLANE_REATTACH_PROVIDERS='{"NAME": LINE}' as well

Exits with 0 after a signal, with 2 if the configuration is wrong; nothing has
been started then.
`

// logLevels are the values of log.level.
var logLevels = []string{"trace", "debug", "info", "warn", "error", "off"}

// serveOptions are the flags of `serve`.
type serveOptions struct {
	config, listen, admin, pluginDir, logLevel string
	devOptions
}

func serveCommand() *command {
	return &command{name: "serve", usage: serveUsage, setup: func(fs *flag.FlagSet) runFunc {
		var o serveOptions
		fs.StringVar(&o.config, "config", "", "the configuration")
		fs.StringVar(&o.listen, "listen", "", "address")
		fs.StringVar(&o.admin, "admin", "", "address")
		fs.StringVar(&o.pluginDir, "plugin-dir", "", "folder")
		fs.StringVar(&o.logLevel, "log-level", "", "level")
		fs.Var(&o.binaries, "dev-provider", "name=binary")
		fs.Var(&o.attachments, "reattach", "name=file")
		return func(ctx context.Context, std streams, args []string) error {
			if err := wantArgs(fs, args); err != nil {
				return err
			}
			if o.logLevel != "" && !slices.Contains(logLevels, o.logLevel) {
				return usagef("flag -log-level: %q is wrong: it must be one of %s", o.logLevel, strings.Join(logLevels, ", "))
			}
			if o.config == "" {
				return usagef("'backplane serve' needs -config FILE; config.hcl.example is one to start from")
			}
			return o.serve(ctx, std)
		}
	}}
}

// serve runs the host until a signal or the end of ctx.
func (o *serveOptions) serve(ctx context.Context, std streams) error {
	setCollector(os.LookupEnv)
	setProcessors(os.LookupEnv)
	ctx, stop := untilSignal(ctx, std)
	defer stop()
	h, err := o.newHost(ctx, std)
	if err != nil {
		return err
	}
	if err := h.Start(ctx); err != nil {
		// What has started must not stay behind; the first error is the one to tell.
		_ = shutdown(ctx, h)
		return err
	}
	if err := announce(std, h); err != nil {
		_ = shutdown(ctx, h) // as above
		return err
	}
	defer reloadOnSignal(ctx, std, h)()
	serveUntilReplaced(ctx, std, h)
	if err := shutdown(ctx, h); err != nil {
		return fmt.Errorf("stop: %w", err)
	}
	std.say("stopped")
	return nil
}

// newHost reads the configuration and makes a host of it.
func (o *serveOptions) newHost(ctx context.Context, std streams) (*host.Host, error) {
	sockets, err := handover.Inherit()
	if err != nil {
		return nil, err
	}
	opts := host.Options{Listen: o.listen, Admin: o.admin, PluginDir: o.pluginDir, Sockets: sockets}
	if err := o.apply(&opts); err != nil {
		return nil, err
	}
	setup, err := loadConfig(ctx, std, o.config, opts)
	if err != nil {
		return nil, err
	}
	if err := warnOfDevelopment(std, setup, opts); err != nil {
		setup.Close()
		return nil, err
	}
	level := setup.Config.LogLevel
	if o.logLevel != "" {
		level = o.logLevel
	}
	opts.Logger = hclog.New(&hclog.LoggerOptions{
		Name: "backplane", Level: hclog.LevelFromString(level), Output: std.err, TimeFormat: "2006-01-02T15:04:05.000Z07:00",
	})
	return host.New(setup, opts)
}

// shutdown ends the host; the host itself bounds the time it takes.
func shutdown(ctx context.Context, h *host.Host) error {
	return h.Shutdown(context.WithoutCancel(ctx))
}

// untilSignal returns a context that ends at the first SIGINT or SIGTERM. The
// second ends the process: whoever asks twice does not want to wait.
func untilSignal(ctx context.Context, std streams) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		select {
		case <-ctx.Done():
			return
		case s := <-signals:
			std.say("%s: no new requests, waiting for the running ones; a second signal ends at once", s)
			cancel()
		}
		<-signals
		std.say("ended at once")
		os.Exit(exitInterrupted)
	}()
	return ctx, func() {
		signal.Stop(signals)
		cancel()
	}
}

// announce prints where the host listens and what it runs.
func announce(std streams, h *host.Host) error {
	w := tabwriter.NewWriter(std.out, 0, 0, 2, ' ', 0)
	p := func(format string, args ...any) { _, _ = fmt.Fprintf(w, format, args...) } // the error comes again from Flush
	admin := h.AdminAddr()
	if admin == "" {
		admin = "off"
	}
	p("backplane %s\n  HTTP\thttp://%s\n  admin\t%s\n", readVersion().Version, h.Addr(), admin)
	p("\nPROVIDER\tSTATE\tABOUT\n")
	down := 0
	for _, provider := range h.Providers() {
		if provider.State != status.ProviderReady {
			down++
		}
		p("%s\t%s\t%s\n", provider.Name, provider.State, about(provider))
	}
	p("\nENDPOINT\tPROVIDER\tMODEL\tOPERATIONS\n")
	var refused []status.Endpoint
	for _, e := range h.Endpoints() {
		p("%s\t%s\t%s\t%s\n", e.ID, e.Provider, orDash(e.Model), orDash(operations(e.Operations, ", ")))
		if e.Problem != "" && len(e.Operations) > 0 { // else its provider's row tells
			refused = append(refused, e)
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, e := range refused {
		p("\n%s\n", e.Problem)
	}
	p("\nready%s; Ctrl-C stops\n", exceptions(down, len(refused)))
	return w.Flush()
}

// exceptions says how much of the configuration does not work.
func exceptions(providers, endpoints int) string {
	switch {
	case providers == 0 && endpoints == 0:
		return ""
	case endpoints == 0:
		return ", but for " + count(providers, "provider")
	case providers == 0:
		return ", but for " + count(endpoints, "endpoint")
	default:
		return ", but for " + count(providers, "provider") + " and " + count(endpoints, "endpoint")
	}
}

// about says how a provider's process is doing.
func about(p status.Provider) string {
	if p.State != status.ProviderReady {
		return p.Reason
	}
	text := fmt.Sprintf("%s, process %d", p.Version, p.PID)
	if p.Development != "" {
		text += ", IN DEVELOPMENT: " + p.Development
	}
	return text
}
