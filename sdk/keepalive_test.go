package sdk

import (
	"encoding/binary"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// Frames of HTTP/2 (RFC 9113, section 6) and the error that gRPC ends a
// connection with which probes too often.
const (
	frameSettings, framePing, frameGoAway = 4, 6, 7
	enhanceYourCalm                       = 0xb
	http2Preface                          = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
)

func TestAHostMayProbeTheConnectionEveryFewSeconds(t *testing.T) {
	t.Parallel()
	if cut := probed(t, minProbeInterval+time.Second); cut {
		t.Errorf("a host that probes every %v was cut off", minProbeInterval+time.Second)
	}
	if cut := probed(t, minProbeInterval/5); !cut {
		t.Errorf("a host that probes every %v was not cut off, so the test shows nothing", minProbeInterval/5)
	}
}

// probed pings a plugin's server ten times, without any call, and reports
// whether it ended the connection for that.
func probed(t *testing.T, every time.Duration) (cut bool) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		server := newService(nil, provider.Manifest{}).newGRPC(nil)
		host, plugin := net.Pipe()
		go func() { _ = server.Serve(&oneConn{conn: plugin, closed: make(chan struct{})}) }() // ends with Stop
		read := make(chan struct{})
		go func() {
			defer close(read)
			cut = readsGoAway(host)
		}()
		write := func(data []byte) { _, _ = host.Write(data) } // fails once it is cut off
		write([]byte(http2Preface))
		write(frame(frameSettings, nil))
		for range 10 {
			time.Sleep(every)
			write(frame(framePing, make([]byte, 8)))
		}
		synctest.Wait()
		server.Stop()
		_ = host.Close()
		<-read
	})
	return cut
}

func frame(kind byte, payload []byte) []byte {
	head := []byte{0, 0, byte(len(payload)), kind, 0, 0, 0, 0, 0} // length, type, flags, stream 0
	return append(head, payload...)
}

// readsGoAway reads frames to the end of the connection and reports whether one
// of them was GOAWAY because of too many pings.
func readsGoAway(conn net.Conn) (found bool) {
	head := make([]byte, 9)
	for {
		if _, err := io.ReadFull(conn, head); err != nil {
			return found
		}
		payload := make([]byte, int(head[0])<<16|int(head[1])<<8|int(head[2]))
		if _, err := io.ReadFull(conn, payload); err != nil {
			return found
		}
		if head[3] == frameGoAway && binary.BigEndian.Uint32(payload[4:]) == enhanceYourCalm {
			found = true
		}
	}
}

// oneConn is a listener with a single connection.
type oneConn struct {
	conn   net.Conn
	closed chan struct{}
}

func (l *oneConn) Accept() (net.Conn, error) {
	if conn := l.conn; conn != nil {
		l.conn = nil
		return conn, nil
	}
	<-l.closed
	return nil, net.ErrClosed
}

func (l *oneConn) Close() error   { close(l.closed); return nil }
func (l *oneConn) Addr() net.Addr { return &net.UnixAddr{Name: "test", Net: "unix"} }
