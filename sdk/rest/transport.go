package rest

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
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
	dial := dialer(o)
	t := &http.Transport{
		Proxy: proxy,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			return counted(dial(ctx, network, address))
		},
		TLSHandshakeTimeout:    limit(o.TLSTimeout, DefaultTLSTimeout),
		ResponseHeaderTimeout:  limit(o.FirstByteTimeout, 0),
		MaxIdleConnsPerHost:    maxIdle(o),
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

// maxIdle returns how many idle connections are kept.
func maxIdle(o Options) int {
	if o.MaxIdleConns <= 0 {
		return DefaultMaxIdleConns
	}
	return o.MaxIdleConns
}

// countedConn counts what is written, to tell whether a request that failed had
// left at all: a kept connection may turn out to be closed. It also tells when
// it is closed.
type countedConn struct {
	net.Conn
	written atomic.Int64
	gone    chan struct{} // closed with the connection
	once    sync.Once
}

func counted(conn net.Conn, err error) (net.Conn, error) {
	if err != nil {
		return nil, err
	}
	return &countedConn{Conn: conn, gone: make(chan struct{})}, nil
}

// Write implements [net.Conn].
func (c *countedConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.written.Add(int64(n))
	return n, err
}

// Close implements [net.Conn]. The transport calls it as soon as it has seen that
// the service closed the connection, if no answer is left to be read.
func (c *countedConn) Close() error {
	c.once.Do(func() { close(c.gone) })
	return c.Conn.Close()
}

// countOf returns the counter below conn, nil if there is none.
func countOf(conn net.Conn) *countedConn {
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	c, _ := conn.(*countedConn)
	return c
}
