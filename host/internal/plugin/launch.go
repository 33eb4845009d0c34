package plugin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/eapache/go-resiliency/semaphore"
	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"

	"github.com/backplane-dev/backplane/sdk/client"
	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/schema"
)

// startSlots bounds how many processes start at once: the limit protects the
// machine, so there is one for all providers of the program.
var startSlots = semaphore.New(4, 100*time.Millisecond)

// takeStartSlot waits for a slot. The semaphore knows no context, so it is asked
// again and again with its short timeout.
func takeStartSlot(ctx context.Context) error {
	for startSlots.Acquire() != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

// permanentError is a failed start that no other try can mend.
type permanentError struct{ error }

func (e permanentError) Unwrap() error { return e.error }

func permanentf(format string, args ...any) error {
	return permanentError{fmt.Errorf(format, args...)}
}

func isPermanent(err error) bool {
	var p permanentError
	return errors.As(err, &p)
}

// plan says what process to launch.
type plan struct {
	spec Spec
	// endpoints are opened with other configurations than they are open with.
	endpoints []provider.EndpointConfig
	// leaving are endpoints that the process may refuse all the same.
	leaving []string
	// strict fails where the process refuses an endpoint that the present one has.
	strict bool
}

// launch starts a process and brings it to the point where it takes calls: it
// shook hands, is who its manifest says, is configured, has all endpoints, says
// that it is healthy, and is published. On failure nothing of it is left.
func (p *Provider) launch(ctx context.Context, id uint64, plan plan) (*generation, error) {
	if err := plan.spec.check(plan.spec.Name); err != nil {
		return nil, permanentError{err}
	}
	if err := takeStartSlot(ctx); err != nil {
		return nil, err
	}
	defer startSlots.Release()
	ctx, cancel := context.WithTimeout(ctx, plan.spec.StartTimeout)
	defer cancel()

	g, err := p.spawn(id, plan.spec)
	if err != nil {
		return nil, err
	}
	p.setLive(g)
	defer p.setLive(nil)
	// go-plugin's start takes no context. Killing the process ends every wait
	// for it, in the library and in the calls below.
	alive := context.AfterFunc(ctx, func() { g.proc.kill() })
	step, err := p.bringUp(ctx, g, plan, alive)
	if err == nil {
		if level := g.proc.level(); level != nil && len(level.Missing) > 0 {
			p.log.Warn("the process is not confined as it is to be", "pid", g.proc.pid(), "missing", strings.Join(level.Missing, "; "))
		}
		return g, nil
	}
	alive()
	if lostConnection(provider.AsError(err)) {
		within(ctx, exitWait, g.proc.finished) // it may be about to end
	}
	ended := g.proc.endedByItself()
	g.destroy(p.log)
	p.state.setExit(g.proc.exit())
	return nil, p.explainStart(ctx, g, step, ended, err)
}

func (p *Provider) setLive(g *generation) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.live = g
}

// spawn prepares a generation whose process is not started yet.
func (p *Provider) spawn(id uint64, spec Spec) (*generation, error) {
	if spec.Attach != nil {
		return p.attach(id, spec)
	}
	if spec.Binary == nil {
		if err := checkExecutable(spec.Path); err != nil {
			return nil, err
		}
	}
	sweepOnce.Do(func() { sweep("") })
	dir, err := newPrivateDir("")
	if err != nil {
		return nil, err
	}
	log := newProcessLog(p.log.Named("plugin"), p.keep)
	proc := newProcess(spec, dir, log, p.log.GetLevel().String())
	library, err := newClient(proc, p.connOptions()...)
	if err != nil {
		return nil, errors.Join(err, dir.remove())
	}
	return p.newGeneration(id, spec, proc, library), nil
}

func (p *Provider) newGeneration(id uint64, spec Spec, proc *process, library *goplugin.Client) *generation {
	g := &generation{
		id: id, spec: spec, since: time.Now(), proc: proc, plugin: library,
		drained: make(chan struct{}), suspect: make(chan struct{}, 1), haste: make(chan struct{}),
	}
	// Before anybody can learn that the process is gone: a caller who does and
	// tries again must not meet it once more.
	proc.onExit = func() { p.withdraw(g) }
	return g
}

// bringUp takes the generation from start to publication. It returns the name
// of the step that it was at. alive takes back what kills the process when ctx
// ends, and says whether that has not happened yet.
func (p *Provider) bringUp(ctx context.Context, g *generation, plan plan, alive func() bool) (string, error) {
	if err := g.connect(ctx); err != nil {
		return "the handshake", err
	}
	m, err := g.conn.Describe(ctx)
	if err != nil {
		return "describe", err
	}
	if err := agree(g.spec.Manifest, m); err != nil {
		return "describe", err
	}
	if err := p.configure(ctx, g); err != nil {
		return "configure", err
	}
	if err := p.endpoints.lock(ctx); err != nil {
		return "opening its endpoints", err
	}
	defer p.endpoints.unlock()
	if err := p.replay(ctx, g, plan); err != nil {
		return "opening its endpoints", err
	}
	g.probing.Store(true)
	if err := g.awaitHealth(ctx); err != nil {
		return "health", err
	}
	if !alive() {
		return "health", ctx.Err()
	}
	// Published with the gate held: an endpoint that is opened from now on goes
	// to this process, one that was opened before is in it.
	g.replaced = p.endpoints.replace(plan.endpoints)
	p.publish(g)
	return "", nil
}

// connOptions are the options of the connections to the provider's processes.
func (p *Provider) connOptions() []client.Option {
	return []client.Option{client.OnFallback(func(err error) {
		p.log.Warn("provider process is called without sessions, which costs speed", "error", err)
	})}
}

// newClient makes go-plugin's client of a process that it starts itself,
// through its Start method.
func newClient(proc *process, opts ...client.Option) (*goplugin.Client, error) {
	encryption, variable, err := client.MutualTLS()
	if err != nil {
		return nil, err
	}
	proc.env = append(proc.env, variable)
	return goplugin.NewClient(&goplugin.ClientConfig{
		HandshakeConfig:  client.Handshake,
		VersionedPlugins: client.Plugins(opts...),
		AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolGRPC},
		GRPCDialOptions:  append(client.DialOptions(), client.Encrypted(encryption)),
		TLSConfig:        encryption,
		SkipHostEnv:      true,
		StartTimeout:     time.Hour, // ours is shorter, and covers more than the handshake
		Logger:           hclog.NewNullLogger(),
		SyncStdout:       proc.log.lines(),
		SyncStderr:       proc.log.lines(),
		UnixSocketConfig: &goplugin.UnixSocketConfig{TempDir: proc.dir.path},
		RunnerFunc:       proc.runner,
	}), nil
}

// connect starts the process and connects to it.
func (g *generation) connect(ctx context.Context) error {
	if g.isAttached() {
		return g.connectAttached(ctx)
	}
	protocol, err := g.plugin.Client()
	if err != nil {
		return err
	}
	rpc, ok := protocol.(*goplugin.GRPCClient)
	if !ok {
		return permanentf("the plugin speaks %q, not gRPC", g.plugin.Protocol())
	}
	raw, err := rpc.Dispense("provider")
	if err != nil {
		return err
	}
	conn, ok := raw.(*client.Conn)
	if !ok {
		return fmt.Errorf("dispensed a %T", raw)
	}
	g.grpc, g.conn = rpc.Conn, conn
	return nil
}

// agree reports where a process differs from the manifest that the host works
// with. It happens when the binary is replaced while the host runs.
func agree(known, got provider.Manifest) error {
	differs := func(what string, got, known any) error {
		return permanentf("the process says its %s is %v, but `describe` of the binary said %v: the binary was replaced since; restart the host", what, got, known)
	}
	switch {
	case got.Name != known.Name:
		return differs("name", got.Name, known.Name)
	case got.Version != known.Version:
		return differs("version", got.Version, known.Version)
	}
	if a, b := operationNames(got), operationNames(known); a != b {
		return differs("operations list", a, b)
	}
	return nil
}

// operationNames writes the operations with their modes, in a fixed order.
func operationNames(m provider.Manifest) string {
	var names []string
	for _, op := range m.Operations {
		modes := make([]string, len(op.Modes))
		for i, mode := range op.Modes {
			modes[i] = string(mode)
		}
		slices.Sort(modes)
		names = append(names, fmt.Sprintf("%s (%s)", op.Name, strings.Join(modes, ", ")))
	}
	slices.Sort(names)
	return printable(strings.Join(names, ", "), 500)
}

// configure hands the provider block's settings to the process, if it has any.
func (p *Provider) configure(ctx context.Context, g *generation) error {
	declared := g.spec.Manifest.ProviderSettings
	if len(declared.Attributes) == 0 && len(declared.Blocks) == 0 {
		return nil
	}
	diags, err := g.conn.Configure(ctx, provider.ProviderConfig{Settings: g.spec.Settings})
	if err != nil {
		return err
	}
	for _, d := range diags {
		if d.Warning {
			p.log.Warn("provider settings", "warning", d.String())
		}
	}
	if schema.HasErrors(diags) {
		return permanentf("it refused the provider's settings: %s", schema.Join(diags))
	}
	return nil
}

// awaitHealth asks until the process says that it takes calls.
func (g *generation) awaitHealth(ctx context.Context) error {
	for pause := 10 * time.Millisecond; ; pause = min(2*pause, 250*time.Millisecond) {
		health, err := g.conn.Health(ctx)
		if err != nil {
			return err
		}
		if health.Ready {
			return nil
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return fmt.Errorf("it says that it is not ready: %s", printable(health.Message, 300))
		}
	}
}

// explainStart makes the error of a failed start from all that is known.
func (p *Provider) explainStart(ctx context.Context, g *generation, step string, ended bool, err error) error {
	if p.life.Err() != nil {
		return p.life.Err()
	}
	if isPermanent(err) {
		return permanentError{fmt.Errorf("start of %s: %w", g.spec.Path, err)}
	}
	text := "start of " + g.spec.Path
	switch noise := g.proc.out.explain(); {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		text += fmt.Sprintf(" took longer than %v (start_timeout), at the step %q", g.spec.StartTimeout, step)
		if noise != "" {
			text += "; " + noise
		}
	case noise != "":
		text += ": " + noise
	case ended:
		text += fmt.Sprintf(": the process ended at the step %q: %s", step, g.proc.exit())
	default:
		return fmt.Errorf("%s: %s: %w", text, step, err)
	}
	if words := g.proc.log.lastWords(); words != "" {
		text += "; it said last: " + words
	}
	return errors.New(text)
}
