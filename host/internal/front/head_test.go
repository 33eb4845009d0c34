package front

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"
)

// taken are heads that a server which hands too much over would be of no use
// without.
var taken = []string{
	"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
	"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
	"POST /v1/x HTTP/1.1\r\nhost: [::1]:80\r\naccept:*/*\r\nACCEPT-encoding: \t gzip, br \t\r\nconnection: Keep-Alive\r\ncontent-length: 007\r\n\r\n",
	"DELETE /v1/endpoints/a/objects/b/c%20d?x=1&y=%2F#f HTTP/1.1\r\nHost: api.example.com\r\nConnection: CLOSE\r\nCookie: a\r\nCookie: b\r\nEmpty:\r\n\r\n",
	"HEAD //double/../path HTTP/1.1\r\nHost: a\r\nX-Y_z: 1\r\n\r\nnext",
	"OPTIONS /a:b;c=d@e HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nKeep-Alive: 5\r\nContent-Length: 0\r\n\r\n",
}

// refused are heads that net/http must see, each for one reason.
var refused = []string{
	"",
	"GET / HTTP/1.1\r\nHost: a\r\n",                                                // incomplete
	"GET / HTTP/1.0\r\nHost: a\r\n\r\n",                                            // older
	"GET / HTTP/2.0\r\nHost: a\r\n\r\n",                                            // unknown
	"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",                                             // HTTP/2
	"CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n",                                     // a tunnel
	"BREW /pot HTTP/1.1\r\nHost: a\r\n\r\n",                                        // another method
	"get / HTTP/1.1\r\nHost: a\r\n\r\n",                                            // case matters
	"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",                                        // the server itself
	"GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n",                                    // as to a proxy
	"GET  / HTTP/1.1\r\nHost: a\r\n\r\n",                                           // two spaces
	"GET / b HTTP/1.1\r\nHost: a\r\n\r\n",                                          // a space within
	"GET /\t HTTP/1.1\r\nHost: a\r\n\r\n",                                          // a tab within
	"GET /\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n",                                    // not ASCII
	"GET /% HTTP/1.1\r\nHost: a\r\n\r\n",                                           // no URL
	"GET / HTTP/1.1 \r\nHost: a\r\n\r\n",                                           // a space at the end
	"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",                                        // an empty line before
	"GET / HTTP/1.1\nHost: a\n\n",                                                  // LF alone
	"GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n",                                      // LF alone, within
	"GET / HTTP/1.1\nHost: a\r\n\r\n",                                              // LF alone, first
	"GET / HTTP/1.1\r\nHost: a\rb: c\r\n\r\n",                                      // CR alone
	"GET / HTTP/1.1\r\nHost: a\r\r\n\r\n",                                          // CR twice
	"GET / HTTP/1.1\r\n\r\n",                                                       // no host
	"GET / HTTP/1.1\r\nHost:\r\n\r\n",                                              // an empty host
	"GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n",                                 // two hosts
	"GET / HTTP/1.1\r\nHost: a b\r\n\r\n",                                          // no host's name
	"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",                                          // nor that
	"GET / HTTP/1.1\r\nHost: a\r\nX : b\r\n\r\n",                                   // a space before the colon
	"GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n",                                     // no name
	"GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n",                                       // no colon
	"GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n",                              // folded
	"GET / HTTP/1.1\r\n Host: a\r\n\r\n",                                           // folded, first
	"GET / HTTP/1.1\r\nHost: a\r\nX\x00: b\r\n\r\n",                                // NUL in a name
	"GET / HTTP/1.1\r\nHost: a\r\nX: b\x00\r\n\r\n",                                // NUL in a value
	"GET / HTTP/1.1\r\nHost: a\r\nX: \x7f\r\n\r\n",                                 // DEL in a value
	"GET / HTTP/1.1\r\nHost: a\r\nX: \xff\r\n\r\n",                                 // not ASCII
	"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", // twice
	"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", // conflicting
	"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\n",                   // a list
	"POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n",                        // empty
	"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n",                     // a sign
	"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",                     // a sign
	"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x1\r\n\r\n",                    // not decimal
	"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1_0\r\n\r\n",                    // not digits only
	"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999999999999\r\n\r\n",       // huge
	"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: a\r\ntransfer-encoding:\r\nContent-Length: 1\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: a\r\nConnection: close, x\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nConnection: keep-alive\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: a\r\nTrailer: X\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: a\r\nPragma: no-cache\r\n\r\n", // net/http adds Cache-Control
	"GET / HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("X: y\r\n", maxFields) + "\r\n",
}

func TestHeadsThatArePlainAreTaken(t *testing.T) {
	t.Parallel()
	for _, raw := range taken {
		var h head
		if size := parseHead([]byte(raw), &h); size != strings.Index(raw, "\r\n\r\n")+4 {
			t.Errorf("%q: got size %d", raw, size)
		}
	}
}

func TestHeadsThatAreNotPlainAreLeftToNetHTTP(t *testing.T) {
	t.Parallel()
	for _, raw := range refused {
		var h head
		b := []byte(raw)
		if size := parseHead(b, &h); size != 0 {
			t.Errorf("%q was taken", raw)
		}
		if string(b) != raw {
			t.Errorf("%q was changed to %q", raw, b)
		}
	}
}

// TestValuesOfOneFieldDoNotShareRoom: appending to one must not change another.
func TestValuesOfOneFieldDoNotShareRoom(t *testing.T) {
	t.Parallel()
	var h head
	parseHead([]byte("GET / HTTP/1.1\r\nHost: a\r\nA: 1\r\nB: 2\r\n\r\n"), &h)
	h.header["A"] = append(h.header["A"], "3")
	if got := h.header["B"]; !reflect.DeepEqual(got, []string{"2"}) {
		t.Errorf("got %q", got)
	}
}

// reference is net/http's server; it gives the requests that it takes to seen.
type reference struct {
	conns *handed
	seen  chan *http.Request
}

func newReference(tb testing.TB) *reference {
	tb.Helper()
	r := &reference{conns: newHanded(), seen: make(chan *http.Request, 1)}
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) { r.seen <- req })}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(r.conns)
	}()
	tb.Cleanup(func() {
		_ = server.Close()
		<-done
	})
	return r
}

// request returns what the server makes of a head, nil if it refuses it.
func (r *reference) request(tb testing.TB, raw []byte) *http.Request {
	tb.Helper()
	near, far := net.Pipe()
	r.conns.pass(far)
	defer func() { _ = near.Close() }()
	go func() { _, _ = near.Write(raw) }() // ends with the connection
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		_, _ = bufio.NewReader(near).ReadByte()
	}()
	select {
	case req := <-r.seen:
		_ = near.Close()
		<-answered
		return req
	case <-answered:
		select {
		case req := <-r.seen: // the answer can be quicker
			return req
		default:
			return nil
		}
	}
}

// FuzzHead shows that heads which are taken mean here what they mean to
// net/http.
func FuzzHead(f *testing.F) {
	for _, raw := range append(append([]string{}, taken...), refused...) {
		f.Add([]byte(raw))
	}
	server := newReference(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		var h head
		b := bytes.Clone(raw)
		size := parseHead(b, &h)
		if size == 0 {
			if !bytes.Equal(b, raw) {
				t.Fatalf("refused, but changed to %q", b)
			}
			return
		}
		if !bytes.Equal(b[size:], raw[size:]) {
			t.Fatalf("what follows the head was changed to %q", b[size:])
		}
		compare(t, server, raw, size, &h)
	})
}

func compare(t *testing.T, server *reference, raw []byte, size int, h *head) {
	t.Helper()
	in := bufio.NewReaderSize(bytes.NewReader(raw), len(raw)+16)
	want, err := http.ReadRequest(in)
	if err != nil {
		t.Fatalf("net/http refuses it: %v", err)
	}
	if rest, _ := io.ReadAll(in); len(rest) != len(raw)-size {
		t.Fatalf("the head has %d bytes, to net/http %d", size, len(raw)-len(rest))
	}
	full := server.request(t, raw[:size])
	if full == nil {
		t.Fatal("net/http's server refuses it")
	}
	x := &exchange{}
	c := &conn{base: &http.Request{Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}}
	got := x.request(c, h)
	for what, pair := range map[string][2]any{
		"method": {got.Method, full.Method}, "URL": {got.URL, full.URL}, "target": {got.RequestURI, full.RequestURI},
		"host": {got.Host, full.Host}, "header": {got.Header, full.Header}, "length": {got.ContentLength, full.ContentLength},
		"encoding": {len(got.TransferEncoding), len(full.TransferEncoding)}, "close": {got.Close, full.Close},
		"protocol": {got.Proto, full.Proto}, "no body": {got.Body == http.NoBody, full.Body == http.NoBody},
		"URL as text": {got.URL.String(), want.URL.String()},
	} {
		if !reflect.DeepEqual(pair[0], pair[1]) {
			t.Errorf("%s: got %#v, net/http has %#v", what, pair[0], pair[1])
		}
	}
}
