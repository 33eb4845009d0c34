package plugin

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/backplane-dev/backplane/sdk/client"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// Attachment is how to reach a plugin that somebody else runs, under a debugger as
// a rule. The SDK prints it in its debug mode.
//
// The host neither starts nor ends such a process. It knows of its life by the
// connection alone, never by its number, which the system gives to another process
// once the first is gone. The connection is not encrypted.
type Attachment struct {
	Provider        string `json:"provider"`
	Protocol        string `json:"protocol"`
	ProtocolVersion int    `json:"protocol_version"`
	PID             int    `json:"pid"` // for the operator's eyes
	Network         string `json:"network"`
	Address         string `json:"address"`
}

// ParseAttachment reads what a plugin in debug mode printed, and checks whether
// provider name can be reached so.
func ParseAttachment(name string, data []byte) (Attachment, error) {
	var a Attachment
	if err := json.Unmarshal(data, &a); err != nil {
		return a, fmt.Errorf("the attachment is not the JSON that a plugin prints in debug mode: %w", err)
	}
	host, _, splitErr := net.SplitHostPort(a.Address)
	ip := net.ParseIP(host)
	switch {
	case a.Provider != name:
		return a, fmt.Errorf("the attachment is of provider %q, not %q", printable(a.Provider, 100), name)
	case a.Protocol != "grpc" || a.ProtocolVersion != protocolVersion:
		return a, fmt.Errorf("the attachment's protocol is %s %d, this host speaks grpc %d", printable(a.Protocol, 100), a.ProtocolVersion, protocolVersion)
	case a.Network == "unix" && a.Address != "":
	case a.Network == "tcp" && splitErr == nil && ip != nil && ip.IsLoopback():
	default:
		return a, fmt.Errorf("the attachment's address is %s %q; it must be a unix socket or on loopback", printable(a.Network, 20), printable(a.Address, 200))
	}
	return a, nil
}

// target is the address for gRPC.
func (a Attachment) target() string {
	if a.Network == "unix" {
		return "unix:" + a.Address
	}
	return "passthrough:///" + a.Address
}

// dial makes a connection, which is established at the first need and then kept:
// that it ends says that the process does.
func (a Attachment) dial() (*grpc.ClientConn, error) {
	return grpc.NewClient(a.target(), append(client.DialOptions(),
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithIdleTimeout(0))...)
}

// DescribeAttached asks a plugin that somebody else runs for its manifest.
func DescribeAttached(ctx context.Context, a Attachment) (provider.Manifest, error) {
	ctx, cancel := context.WithTimeout(ctx, describeTimeout)
	defer cancel()
	cc, err := a.dial()
	if err != nil {
		return provider.Manifest{}, err
	}
	defer func() { _ = cc.Close() }() // nothing is lost with it
	if err := establish(ctx, cc, a); err != nil {
		return provider.Manifest{}, err
	}
	m, err := client.New(cc).Describe(ctx)
	if err != nil {
		return m, fmt.Errorf("describe the attached plugin: %w", err)
	}
	return m, checkManifest(m)
}

// establish connects.
func establish(ctx context.Context, cc *grpc.ClientConn, a Attachment) error {
	cc.Connect()
	for {
		switch state := cc.GetState(); state {
		case connectivity.Ready:
			return nil
		case connectivity.TransientFailure, connectivity.Shutdown:
			return fmt.Errorf("nobody answers at %s: the plugin to attach to (process %d) does not run; start it in debug mode again, and give its new attachment", a.Address, a.PID)
		default:
			if !cc.WaitForStateChange(ctx, state) {
				return fmt.Errorf("attach to %s: %w", a.Address, ctx.Err())
			}
		}
	}
}

// attached is what a process that somebody else runs has in place of a child.
type attached struct {
	at   Attachment
	cc   *grpc.ClientConn
	opts []client.Option
	once sync.Once // for the end
}

// attach prepares a generation on a process that somebody else runs.
func (p *Provider) attach(id uint64, spec Spec) (*generation, error) {
	at, err := spec.Attach()
	if err != nil {
		return nil, err
	}
	cc, err := at.dial()
	if err != nil {
		return nil, err
	}
	log := newProcessLog(p.log.Named("plugin"), p.keep) // it logs where its debugger does
	proc := &process{
		spec: spec, log: log, out: newStdout(log), exited: make(chan struct{}), finished: make(chan struct{}),
		attached: &attached{at: at, cc: cc, opts: p.connOptions()},
	}
	p.log.Warn("ATTACHED TO A PROCESS that this host did not start: nothing verifies, confines or encrypts it", "pid", at.PID, "address", at.Address)
	return p.newGeneration(id, spec, proc, nil), nil
}

// connectAttached connects to the process and watches the connection from then on.
func (g *generation) connectAttached(ctx context.Context) error {
	cc := g.proc.attached.cc
	if err := establish(ctx, cc, g.proc.attached.at); err != nil {
		return err
	}
	g.grpc, g.conn = cc, client.New(cc, g.proc.attached.opts...)
	go func() { // the end of the connection is taken for the end of the process
		cc.WaitForStateChange(context.Background(), connectivity.Ready)
		g.proc.letGo()
	}()
	return nil
}

// letGo closes the connection to an attached process, to which nothing is done but
// that the calls of this host end. It may be called more than once.
func (p *process) letGo() {
	p.attached.once.Do(func() {
		_ = p.attached.cc.Close() // an error says that it is closed
		p.onExit()
		close(p.exited)
		p.out.close()
		close(p.finished)
	})
}

// isAttached reports whether somebody else runs the process.
func (g *generation) isAttached() bool { return g.proc.attached != nil }

// takeLeave ends the use of an attached process at the host's own end: it forgets
// the endpoints, so that the next host may open them anew, and goes on.
func (g *generation) takeLeave(ctx context.Context, endpoints []string) {
	ctx, cancel := context.WithTimeout(ctx, drainLimit)
	defer cancel()
	for _, id := range endpoints {
		_ = g.conn.CloseEndpoint(ctx, id) // a process at a breakpoint does not answer
	}
}
