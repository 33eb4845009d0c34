package rest

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/schema"
)

// connectTimeout is the failure of a connection that took too long.
type connectTimeout struct {
	limit   time.Duration
	address string
}

// Error names the setting, which the host's policy and the plugins' settings
// have under the same name.
func (e *connectTimeout) Error() string {
	return fmt.Sprintf("connect_timeout of %s passed without a connection to %s", schema.FormatDuration(e.limit), e.address)
}

// Timeout tells package net's kind of error.
func (e *connectTimeout) Timeout() bool { return true }

// dialer bounds connecting on its own: a connection that nobody waits for any
// more ends as well. The limit is the client's or the call's, whichever is
// shorter.
func dialer(o Options) func(context.Context, string, string) (net.Conn, error) {
	dial := o.Dial
	if dial == nil {
		dial = (&net.Dialer{KeepAlive: keepAlive}).DialContext
	}
	own := limit(o.ConnectTimeout, DefaultConnectTimeout)
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		d := shorter(own, provider.ConnectTimeout(ctx))
		if d == 0 {
			return dial(ctx, network, address)
		}
		passed := &connectTimeout{limit: d, address: address}
		bounded, cancel := context.WithTimeoutCause(ctx, d, passed)
		defer cancel()
		conn, err := dial(bounded, network, address)
		if err != nil && ctx.Err() == nil && bounded.Err() != nil {
			return nil, passed
		}
		return conn, err
	}
}

// shorter returns the shorter of two limits, of which 0 is none.
func shorter(a, b time.Duration) time.Duration {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// handshake is the time for the TLS handshake of a call that has a limit of its
// own for connecting: what the dialer has left of it. Calls that find a kept
// connection never start its timer. It is guarded by the exchange's mutex.
type handshake struct {
	limit time.Duration // of the call; 0 for none
	began time.Time     // of the call
	timer *time.Timer
}

// limitHandshake makes the exchange keep to the call's own time for connecting.
func (x *transported) limitHandshake() {
	x.tls.limit = provider.ConnectTimeout(x.parent)
	if x.tls.limit <= 0 {
		return
	}
	x.tls.began = time.Now()
	x.trace.TLSHandshakeStart = x.handshakeBegins
}

func (x *transported) handshakeBegins() {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.connect || x.tls.timer != nil {
		return // the call found another connection
	}
	x.tls.timer = time.AfterFunc(x.tls.limit-time.Since(x.tls.began), x.handshakeLate)
}

// handshakeLate ends the call, unless it has got a connection at this moment.
func (x *transported) handshakeLate() {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.connect {
		x.cancel(&connectTimeout{limit: x.tls.limit, address: x.client.base.Host})
	}
}
