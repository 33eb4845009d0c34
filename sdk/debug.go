package sdk

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os/signal"
	"syscall"

	"github.com/hashicorp/go-plugin"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// attachment is how to reach a plugin that serves for debugging.
type attachment struct {
	Provider        string `json:"provider"`
	Protocol        string `json:"protocol"`
	ProtocolVersion int    `json:"protocol_version"`
	PID             int    `json:"pid"`
	Network         string `json:"network"`
	Address         string `json:"address"`
}

// debug serves without a host until it is interrupted, and prints how to attach
// as one line of JSON. Nothing guards the socket but its file mode.
func (p *program) debug(m provider.Manifest) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	_ = p.write(p.stderr, fmt.Sprintf("WARNING: backplane-provider-%s serves in debug mode: without TLS, without a host that "+
		"watches it, for anyone who may open its socket. Never use this in production. Interrupt to end.\n", m.Name))
	slog.SetDefault(newLogger(p.stderr, "debug"))
	s := newService(p.provider, m)
	attached := make(chan *plugin.ReattachConfig, 1)
	closed := make(chan struct{})
	config := s.config(p.stderr, "info")
	config.Test = &plugin.ServeTestConfig{Context: ctx, ReattachConfigCh: attached, CloseCh: closed}
	go plugin.Serve(config)
	select {
	case at := <-attached:
		if code := p.writeAttachment(m, at); code != exitOK {
			return code
		}
		<-closed
		s.wire.Close()
		return exitOK
	case <-closed:
		return p.fail("backplane-provider-%s: cannot listen: see the log line above", m.Name)
	}
}

func (p *program) writeAttachment(m provider.Manifest, at *plugin.ReattachConfig) int {
	data, err := json.Marshal(attachment{
		Provider:        m.Name,
		Protocol:        string(at.Protocol),
		ProtocolVersion: at.ProtocolVersion,
		PID:             at.Pid,
		Network:         at.Addr.Network(),
		Address:         at.Addr.String(),
	})
	if err != nil {
		return p.fail("encode the attachment: %v", err)
	}
	return p.write(p.stdout, string(data)+"\n")
}
