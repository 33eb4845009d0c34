package wire

import (
	"context"
	"crypto/tls"
	"errors"
	"net"

	"google.golang.org/grpc/credentials"

	"github.com/backplane-dev/backplane/sdk/rawio"
)

// TLS are the credentials of one end of the connection between host and plugin. The
// bytes are those of [credentials.NewTLS]; beneath it, the socket is used by rawio.
// config may change until the first handshake: go-plugin adds the certificate of the
// plugin when it has read it.
func TLS(config *tls.Config) credentials.TransportCredentials { return onSocket{config} }

type onSocket struct{ config *tls.Config }

// ClientHandshake implements [credentials.TransportCredentials].
func (c onSocket) ClientHandshake(ctx context.Context, authority string, nc net.Conn) (net.Conn, credentials.AuthInfo, error) {
	socket := rawio.Wrap(nc)
	conn, info, err := credentials.NewTLS(c.config).ClientHandshake(ctx, authority, socket)
	if err == nil {
		detach(socket)
		// gRPC gives up on a plugin that does not speak HTTP/2 in time by closing
		// nc, which a detached socket does not hear.
		context.AfterFunc(ctx, func() {
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				_ = socket.Close()
			}
		})
	}
	return conn, info, err
}

// ServerHandshake implements [credentials.TransportCredentials].
func (c onSocket) ServerHandshake(nc net.Conn) (net.Conn, credentials.AuthInfo, error) {
	socket := rawio.Wrap(nc)
	conn, info, err := credentials.NewTLS(c.config).ServerHandshake(socket)
	if err == nil {
		detach(socket)
	}
	return conn, info, err
}

// detach is for after the handshake: the deadline that gRPC has set for it is nc's,
// and ends with it. Without it the connection works as well and costs more.
func detach(socket net.Conn) { _ = rawio.Detach(socket) }

// Info implements [credentials.TransportCredentials].
func (c onSocket) Info() credentials.ProtocolInfo { return credentials.NewTLS(c.config).Info() }

// Clone implements [credentials.TransportCredentials].
func (c onSocket) Clone() credentials.TransportCredentials { return onSocket{c.config.Clone()} }

// OverrideServerName implements [credentials.TransportCredentials]. The name is the
// config's.
func (c onSocket) OverrideServerName(name string) error {
	c.config.ServerName = name
	return nil
}
