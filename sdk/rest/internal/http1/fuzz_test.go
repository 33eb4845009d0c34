package http1

import (
	"bufio"
	"bytes"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
)

var answers = []string{
	"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
	"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello and more",
	"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
	"HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nhello",
	"HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n",
	"HTTP/1.1 200 OK\r\nContent-Length: 0x5\r\n\r\nhello",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n3;a=b\r\n...\r\n0\r\n\r\n",
	"HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\nTrailer: X-A\r\n\r\n1 \r\nh\r\n0\r\nX-A: b\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: content-length\r\n\r\n0\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\nhello\n0\n\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\nhello\r\n0\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloXX0\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nno colon\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding:\r\n chunked\r\nConnection: x, close\r\n\r\n0\r\n\r\n",
	"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok",
	"HTTP/1.1 200 OK\nA: 1\nA: 2\nB:   x \t\n\nuntil the end",
	"HTTP/1.1 100 Continue\r\nX: y\r\n\r\nHTTP/1.1 103 Early\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
	"HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n",
	"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n\r\nxyz",
	"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n",
	"HTTP/1.1  200 OK\r\nContent-Length : 3\r\n\r\nabc",
	"HTTP/1.1 200 OK\r\nBad Name: 1\r\n\r\n",
	"HTTP/1.1 200 OK\r\nX: a\rb\r\n\r\n",
	"HTTP/2.0 200 OK\r\n\r\n",
	"SSH-2.0-x\r\n",
	"",
}

// FuzzAnswer holds the parser to net/http's: what it accepts, net/http accepts
// with the same meaning and the same bytes, however the network cuts it.
func FuzzAnswer(f *testing.F) {
	for _, answer := range answers {
		for _, cut := range []byte{1, 3, 255} {
			f.Add([]byte(answer), cut, false)
			f.Add([]byte(answer), cut, true)
		}
	}
	f.Fuzz(func(t *testing.T, answer []byte, cut byte, noBody bool) {
		x, err := ask(t.Context(), answer, int(cut)+1, noBody)
		if err != nil {
			return
		}
		got, gotErr := io.ReadAll(io.LimitReader(x, 1<<20))
		x.End(nil)

		ref, err := reference(answer, noBody)
		if err != nil {
			t.Fatalf("net/http refuses it: %v", err)
		}
		if x.Status != ref.StatusCode || x.Length != ref.ContentLength || ref.Close && !x.body.close {
			t.Errorf("got %d, length %d, close %t, want %d, %d, %t",
				x.Status, x.Length, x.body.close, ref.StatusCode, ref.ContentLength, ref.Close)
		}
		if have, want := normal(x.Header), normal(ref.Header); !maps.EqualFunc(have, want, slices.Equal) {
			t.Errorf("got header %q, want %q", have, want)
		}
		if x.Status == http.StatusSwitchingProtocols {
			return // what follows is no HTTP
		}
		want, wantErr := io.ReadAll(ref.Body)
		if gotErr == nil && (wantErr != nil || !bytes.Equal(got, want)) {
			t.Errorf("got %q, want %q, %v", got, want, wantErr)
		}
		if short := min(len(got), len(want)); !bytes.Equal(got[:short], want[:short]) {
			t.Errorf("got %q, %v, want %q, %v", got, gotErr, want, wantErr)
		}
	})
}

// reference is what net/http makes of the answer.
func reference(answer []byte, noBody bool) (*http.Response, error) {
	req := &http.Request{Method: http.MethodGet}
	if noBody {
		req.Method = http.MethodHead
	}
	r := bufio.NewReaderSize(bytes.NewReader(answer), 16<<10)
	for {
		resp, err := http.ReadResponse(r, req)
		if err != nil || resp.StatusCode >= 200 || resp.StatusCode == http.StatusSwitchingProtocols {
			return resp, err
		}
	}
}

// normal makes headers comparable: folded lines are joined by one space or by
// several, and net/http adds to what HTTP/1.0 says about caches.
func normal(h http.Header) http.Header {
	out := make(http.Header, len(h))
	for name, values := range h {
		for _, value := range values {
			out[name] = append(out[name], strings.Join(strings.Fields(value), " "))
		}
	}
	if out.Get("Pragma") != "" {
		delete(out, "Cache-Control")
	}
	return out
}
