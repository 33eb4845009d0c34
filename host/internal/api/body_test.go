package api_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/host/internal/api"
)

// rawConn is a connection on which a test writes HTTP by hand.
type rawConn struct {
	t *testing.T
	net.Conn
	in *bufio.Reader
}

func dial(t *testing.T, server *httptest.Server) *rawConn {
	t.Helper()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return &rawConn{t, conn, bufio.NewReader(conn)}
}

func (c *rawConn) send(format string, args ...any) {
	c.t.Helper()
	if _, err := fmt.Fprintf(c.Conn, format, args...); err != nil {
		c.t.Fatal(err)
	}
}

// answer reads one answer and its body.
func (c *rawConn) answer() (*http.Response, string) {
	c.t.Helper()
	resp, err := http.ReadResponse(c.in, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return resp, string(body)
}

func (c *rawConn) wantClosed() {
	c.t.Helper()
	if n, err := c.in.Read(make([]byte, 1)); err == nil {
		c.t.Errorf("the connection is open and gave %d bytes", n)
	}
}

const chatHead = "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n"

func TestAfter413TheConnectionIsUsable(t *testing.T) {
	t.Parallel()
	core, _ := answering(`{"fine":true}`)
	server := serve(t, core, api.Options{MaxBodyBytes: 1000})
	for name, send := range map[string]func(*rawConn){
		"announced": func(c *rawConn) {
			c.send("%sContent-Length: 5000000\r\n\r\n%s", chatHead, strings.Repeat("x", 5_000_000))
		},
		"not announced": func(c *rawConn) {
			piece := strings.Repeat("x", 0x10000)
			c.send("%sTransfer-Encoding: chunked\r\n\r\n", chatHead)
			for range 50 {
				c.send("10000\r\n%s\r\n", piece)
			}
			c.send("0\r\n\r\n")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := dial(t, server)
			send(c)
			resp, body := c.answer()
			if resp.StatusCode != 413 || !strings.Contains(body, `"code":"too_large"`) || resp.Close {
				t.Fatalf("got %d, close %v: %s", resp.StatusCode, resp.Close, body)
			}
			c.send("%sContent-Length: %d\r\n\r\n%s", chatHead, len(hello), hello)
			if resp, body := c.answer(); resp.StatusCode != 200 || body != `{"fine":true}` {
				t.Errorf("the next request got %d %s", resp.StatusCode, body)
			}
		})
	}
}

func TestAHugeBodyIsRefusedAtOnceAndTheConnectionClosed(t *testing.T) {
	t.Parallel()
	core, _ := answering(`{}`)
	c := dial(t, serve(t, core, api.Options{MaxBodyBytes: 1000}))
	c.send("%sContent-Length: 99999999999\r\n\r\nxxxx", chatHead)
	resp, body := c.answer()
	if resp.StatusCode != 413 || !resp.Close || !strings.Contains(body, "the body has 99999999999 bytes; at most 1000 are taken") {
		t.Errorf("got %d, close %v: %s", resp.StatusCode, resp.Close, body)
	}
	c.wantClosed()
}

func TestACallerThatAsksFirstNeedNotSendABodyThatIsTooLarge(t *testing.T) {
	t.Parallel()
	core, _ := answering(`{"fine":true}`)
	server := serve(t, core, api.Options{MaxBodyBytes: 1000})
	c := dial(t, server)
	c.send("%sExpect: 100-continue\r\nContent-Length: 5000\r\n\r\n", chatHead)
	if resp, body := c.answer(); resp.StatusCode != 413 || !strings.Contains(body, "too_large") {
		t.Errorf("got %d: %s", resp.StatusCode, body)
	}
	c = dial(t, server)
	c.send("%sExpect: 100-continue\r\nContent-Length: %d\r\n\r\n", chatHead, len(hello))
	if resp, _ := c.answer(); resp.StatusCode != 100 {
		t.Fatalf("got %d, want 100", resp.StatusCode)
	}
	c.send("%s", hello)
	if resp, body := c.answer(); resp.StatusCode != 200 {
		t.Errorf("got %d: %s", resp.StatusCode, body)
	}
}

func TestBodiesOfAllSizesArriveWhole(t *testing.T) {
	t.Parallel()
	core, rec := answering(`{}`)
	server := serve(t, core, api.Options{MaxBodyBytes: 3 << 20})
	frame := len(`{"model":"m","x":""}`)
	for _, size := range []int{frame, 4095, 4096, 4097, 256 << 10, 512 << 10, 512<<10 + 1, 1 << 20, 3 << 20} {
		body := `{"model":"m","x":"` + strings.Repeat("y", size-frame) + `"}`
		for name, reader := range map[string]io.Reader{"length": strings.NewReader(body), "chunked": io.MultiReader(strings.NewReader(body))} {
			resp, err := server.Client().Post(server.URL+"/v1/chat/completions", "application/json", reader)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			if _, got := rec.request(); resp.StatusCode != 200 || got != body {
				t.Errorf("%d bytes, %s: status %d, %d bytes arrived", size, name, resp.StatusCode, len(got))
			}
		}
	}
	resp, err := server.Client().Post(server.URL+"/v1/chat/completions", "", io.MultiReader(strings.NewReader(strings.Repeat(" ", 3<<20+1))))
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != 413 {
		t.Errorf("one byte too many got %d", resp.StatusCode)
	}
}

func TestABodyThatStopsIsNotWaitedForForever(t *testing.T) {
	t.Parallel()
	core, _ := answering(`{}`)
	c := dial(t, serve(t, core, api.Options{ReadTimeout: 50 * time.Millisecond}))
	c.send("%sContent-Length: 100\r\n\r\n{\"model\"", chatHead)
	resp, body := c.answer()
	want := `{"error":{"message":"the body stopped after 8 bytes: nothing arrived for 50ms","type":"invalid_request_error","param":null,"code":"timeout"}}`
	if resp.StatusCode != 408 || body != want || !resp.Close {
		t.Errorf("got %d, close %v: %s", resp.StatusCode, resp.Close, body)
	}
}

func TestABodyThatBreaksOffIsNotTakenForWhole(t *testing.T) {
	t.Parallel()
	core, rec := answering(`{}`)
	c := dial(t, serve(t, core, api.Options{}))
	c.send("%sTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\nzz\r\n", chatHead, len(hello), hello)
	resp, body := c.answer()
	if resp.StatusCode != 400 || !strings.Contains(body, fmt.Sprintf("the body broke off after %d bytes", len(hello))) {
		t.Errorf("got %d %s", resp.StatusCode, body)
	}
	if req, _ := rec.request(); req.Model != "" {
		t.Error("the core was called")
	}
}

func TestARefusedBodyIsReadSoThatTheConnectionIsUsable(t *testing.T) {
	t.Parallel()
	core, _ := answering(`{}`)
	server := serve(t, core, api.Options{})
	c := dial(t, server)
	c.send("%sContent-Encoding: br\r\nContent-Length: 1000000\r\n\r\n%s", chatHead, strings.Repeat("x", 1_000_000))
	if resp, _ := c.answer(); resp.StatusCode != 415 || resp.Close {
		t.Fatalf("got %d, close %v", resp.StatusCode, resp.Close)
	}
	c.send("%sContent-Encoding: identity\r\nContent-Length: %d\r\n\r\n%s", chatHead, len(hello), hello)
	if resp, body := c.answer(); resp.StatusCode != 200 {
		t.Errorf("got %d %s", resp.StatusCode, body)
	}
}

func TestHeadersAreBounded(t *testing.T) {
	t.Parallel()
	core, _ := answering(`{}`)
	c := dial(t, serve(t, core, api.Options{}))
	c.send("%sX-Long: %s\r\n\r\n", chatHead, strings.Repeat("x", 80<<10))
	if resp, _ := c.answer(); resp.StatusCode != 431 {
		t.Errorf("got %d, want 431", resp.StatusCode)
	}
}

func TestHTTP2IsNotSpokenInTheClear(t *testing.T) {
	t.Parallel()
	core, _ := answering(`{}`)
	c := dial(t, serve(t, core, api.Options{}))
	c.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
	// An HTTP/2 server would answer with a frame.
	start := make([]byte, len("HTTP/1.1"))
	if _, err := io.ReadFull(c.in, start); err != nil || string(start) != "HTTP/1.1" {
		t.Errorf("got %q, %v", start, err)
	}
}
