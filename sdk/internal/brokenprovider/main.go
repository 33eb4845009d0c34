// Command brokenprovider is a set of providers that break the contract, each in
// one way, so that the conformance kit can be seen to notice. The fault is
// chosen by the name of the binary: backplane-provider-FAULT. The one called
// "good" has none.
//
// It does not use sdk.Serve, which keeps authors from most of these mistakes,
// but what lies below it, as a plugin in another language would.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/backplane-dev/backplane/sdk/client"
	pb "github.com/backplane-dev/backplane/sdk/internal/providerpb"
	"github.com/backplane-dev/backplane/sdk/internal/wire"
)

func main() {
	name := strings.TrimPrefix(filepath.Base(os.Args[0]), "backplane-provider-")
	f, ok := faults[name]
	if !ok {
		fmt.Fprintf(os.Stderr, "no fault is called %q; the name of the binary chooses one\n", name)
		os.Exit(2)
	}
	p := &service{name: name, fault: f}
	if len(os.Args) == 2 && os.Args[1] == "describe" {
		describe(p)
		return
	}
	if f.start != nil {
		f.start()
	}
	if !f.immortal {
		go followHost()
	}
	serve(p, f)
	if f.clinging {
		time.Sleep(time.Hour)
	}
}

func describe(p *service) {
	m := wire.Manifest(p)
	if p.fault.printed != nil {
		p.fault.printed(&m)
	}
	data, err := json.Marshal(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(string(data))
}

func serve(p *service, f fault) {
	var server pb.ProviderServiceServer = wire.NewServer(p)
	if f.server != nil {
		server = f.server(server)
	}
	server = sessions{server, f.session}
	if f.promising {
		server = promising{server}
	}
	limit := wire.MaxMessage(p.Describe())
	if f.messageLimit > 0 {
		limit = f.messageLimit
	}
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig:  client.Handshake,
		VersionedPlugins: map[int]plugin.PluginSet{wire.Protocol: {client.PluginName: &served{server: server}}},
		GRPCServer: func(opts []grpc.ServerOption) *grpc.Server {
			return grpc.NewServer(append(opts, grpc.MaxRecvMsgSize(limit))...)
		},
	})
}

// served registers the service with go-plugin's server.
type served struct {
	plugin.NetRPCUnsupportedPlugin
	server pb.ProviderServiceServer
}

func (s *served) GRPCServer(_ *plugin.GRPCBroker, server *grpc.Server) error {
	pb.RegisterProviderServiceServer(server, s.server)
	return nil
}

func (s *served) GRPCClient(context.Context, *plugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, errors.New("this side is the plugin")
}

// followHost ends the process when the host's end of the lifeline is closed.
func followHost() {
	fd, err := strconv.Atoi(os.Getenv(client.LifelineEnv))
	if err != nil {
		return // no lifeline
	}
	_, _ = os.NewFile(uintptr(fd), "lifeline").Read(make([]byte, 1)) // returns at the end only
	os.Exit(0)
}
