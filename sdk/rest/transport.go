package rest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

const (
	keepAlive     = 15 * time.Second
	idleConnLife  = 90 * time.Second
	pingInterval  = 15 * time.Second // HTTP/2 connections that went silent
	pingTimeout   = 10 * time.Second
	headerLimit   = 256 << 10
	connectBuffer = 16 << 10
)

// newTransport makes the connection pool of one client.
func newTransport(o Options) (*http.Transport, error) {
	proxy, err := proxyFunc(o.Proxy)
	if err != nil {
		return nil, fmt.Errorf("proxy %w", err)
	}
	idle := o.MaxIdleConns
	if idle <= 0 {
		idle = DefaultMaxIdleConns
	}
	t := &http.Transport{
		Proxy:                  proxy,
		DialContext:            dialer(o),
		TLSHandshakeTimeout:    limit(o.TLSTimeout, DefaultTLSTimeout),
		ResponseHeaderTimeout:  limit(o.FirstByteTimeout, 0),
		MaxIdleConnsPerHost:    idle,
		IdleConnTimeout:        idleConnLife,
		MaxResponseHeaderBytes: headerLimit,
		ReadBufferSize:         connectBuffer,
		WriteBufferSize:        connectBuffer,
		DisableCompression:     true,
		ForceAttemptHTTP2:      true,
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: pingInterval, PingTimeout: pingTimeout},
	}
	if o.TLS != nil {
		t.TLSClientConfig = o.TLS.Clone()
	}
	return t, nil
}

// errConnectTimeout is the cause of a connection that took too long.
var errConnectTimeout = errors.New("connect timeout")

// dialer bounds connecting on its own: a connection that nobody waits for any
// more ends as well.
func dialer(o Options) func(context.Context, string, string) (net.Conn, error) {
	dial := o.Dial
	if dial == nil {
		dial = (&net.Dialer{KeepAlive: keepAlive}).DialContext
	}
	timeout := limit(o.ConnectTimeout, DefaultConnectTimeout)
	if timeout == 0 {
		return dial
	}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		bounded, cancel := context.WithTimeoutCause(ctx, timeout, errConnectTimeout)
		defer cancel()
		conn, err := dial(bounded, network, address)
		if err != nil && ctx.Err() == nil && bounded.Err() != nil {
			return nil, fmt.Errorf("%w: no connection to %s within %s", errConnectTimeout, address, timeout)
		}
		return conn, err
	}
}
