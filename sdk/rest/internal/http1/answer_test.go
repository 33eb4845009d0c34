package http1

import (
	"io"
	"strings"
	"testing"
)

func TestAnswersAreReadAsTheyAreMeant(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 300<<10)
	for name, tt := range map[string]struct {
		answer, body string
		length       int64
		close        bool
	}{
		"counted":                  {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "hello", 5, false},
		"counted twice":            {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello", "hello", 5, false},
		"empty":                    {"HTTP/1.1 204 No Content\r\n\r\n", "", 0, false},
		"chunks":                   {"HTTP/1.1 200 OK\r\nTransfer-Encoding: CHUNKED\r\n\r\n5\r\nhello\r\nB;x=\"y\"\r\n, there it \r\n0\r\n\r\n", "hello, there it ", -1, false},
		"chunks with a trailer":    {"HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n2 \t\r\nok\r\n0\r\nX-Sum: 1\r\nY: \r\n\r\n", "ok", -1, false},
		"up to the end":            {"HTTP/1.1 200 OK\r\n\r\n" + long, long, -1, true},
		"old":                      {"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", "ok", 2, true},
		"old that is kept":         {"HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 2\r\n\r\nok", "ok", 2, false},
		"the last one":             {"HTTP/1.1 200 OK\r\nConnection: x, Close\r\nContent-Length: 2\r\n\r\nok", "ok", 2, true},
		"bare line feeds":          {"HTTP/1.1 200 OK\nContent-Length: 2\n\nok", "ok", 2, false},
		"a folded field":           {"HTTP/1.1 200 OK\r\nX: a\r\n  b\r\nContent-Length:\r\n\t2\r\n\r\nok", "ok", 2, false},
		"behind interim answers":   {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "ok", 2, false},
		"a large header":           {"HTTP/1.1 200 OK\r\nX: " + long[:250<<10] + "\r\nContent-Length: 2\r\n\r\nok", "ok", 2, false},
		"more than was asked for":  {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\nHTTP/1.1 200", "ok", -1, true},
		"a single byte in a chunk": {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + strings.Repeat("1\r\nx\r\n", 30_000) + "0\r\n\r\n", long[:30_000], -1, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, cut := range []int{1, 2, 3, 7, 4096, 1 << 20} {
				x, err := ask(t.Context(), []byte(tt.answer), cut, false)
				if err != nil {
					t.Fatalf("cut at %d: %v", cut, err)
				}
				got, err := io.ReadAll(x)
				if err != nil || string(got) != tt.body || x.Length != tt.length {
					t.Errorf("cut at %d: got %.100q, length %d, %v", cut, got, x.Length, err)
				}
				if x.body.close != tt.close && cut > 100 { // more than was asked for need not have come yet
					t.Errorf("cut at %d: the connection is kept: %t", cut, !x.body.close)
				}
				x.End(nil)
			}
		})
	}
}

func TestAnswersThatCanBeMistakenAreRefused(t *testing.T) {
	t.Parallel()
	const ok = "HTTP/1.1 200 OK\r\n"
	for answer, words := range map[string]string{
		"":                            "EOF",
		"HTTP/1.1 200 OK\r\nX: y\r\n": "unexpected EOF",
		"SSH-2.0-x\r\n\r\n":           `malformed HTTP response "SSH-2.0-x"`,
		"HTTP/2.0 200 OK\r\n\r\n":     "malformed HTTP response",
		"HTTP/1.1 20 OK\r\n\r\n":      "malformed HTTP response",
		"HTTP/1.1 2000 OK\r\n\r\n":    "malformed HTTP response",
		"HTTP/1.1 099 OK\r\n\r\n":     "malformed HTTP response",
		"HTTP/1.1 +20 OK\r\n\r\n":     "malformed HTTP response",
		"\r\nHTTP/1.1 200 OK\r\n\r\n": "malformed HTTP response",
		ok + " X: y\r\n\r\n":          "white space",
		ok + "X y\r\n\r\n":            `malformed header line "X y"`,
		ok + "X : y\r\n\r\n":          "malformed header line",
		ok + ": y\r\n\r\n":            "malformed header line",
		ok + "X: \x01\r\n\r\n":        "malformed header line",
		ok + "X: a\rb\r\n\r\n":        "malformed header line",
		ok + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n":           "several values of Content-Length",
		ok + "Content-Length: -1\r\n\r\n":                               "bad Content-Length",
		ok + "Content-Length: 1, 1\r\n\r\n":                             "bad Content-Length",
		ok + "Content-Length:\r\n\r\n":                                  "bad Content-Length",
		ok + "Content-Length: 9223372036854775808\r\n\r\n":              "bad Content-Length",
		ok + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n":  "both a Content-Length and a Transfer-Encoding",
		ok + "Transfer-Encoding: gzip, chunked\r\n\r\n":                 "unsupported transfer encoding",
		ok + "Transfer-Encoding: identity\r\n\r\n":                      "unsupported transfer encoding",
		"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n":         "unsupported transfer encoding",
		ok + "Transfer-Encoding: chunked\r\nTrailer: Trailer\r\n\r\n":   "bad trailer key",
		ok + "X: " + strings.Repeat("x", MaxHeader):                     "headers exceeded",
		strings.Repeat("HTTP/1.1 102 Processing\r\n\r\n", MaxHeader/20): "headers exceeded",
	} {
		_, err := ask(t.Context(), []byte(answer), 4096, false)
		if err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%.60q: got %v, want words %q", answer, err, words)
		}
	}
}

func TestBodiesThatAreCutOffOrMalformedAreErrors(t *testing.T) {
	t.Parallel()
	const chunks = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	for answer, words := range map[string]string{
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell": "unexpected EOF",
		chunks:                                            "unexpected EOF",
		chunks + "5\r\nhell":                              "unexpected EOF",
		chunks + "5\r\nhello\r\n":                         "unexpected EOF",
		chunks + "5\r\nhello\r\n0\r\n":                    "unexpected EOF",
		chunks + "5\r\nhello\r\n0\r\nX: y\r\n":            "unexpected EOF",
		chunks + "5\nhello":                               "malformed chunked",
		chunks + "5\r\rhello":                             "malformed chunked",
		chunks + "5 ;x\r\nhello":                          "malformed chunked",
		chunks + ";x\r\nhello":                            "malformed chunked",
		chunks + "-5\r\nhello":                            "malformed chunked",
		chunks + "5\r\nhello!\r\n0\r\n\r\n":               "malformed chunked",
		chunks + "5\r\nhello\r!0\r\n\r\n":                 "malformed chunked",
		chunks + "00000000000000005\r\nhello":             "too large",
		chunks + "5;" + strings.Repeat("x", maxChunkLine): "too long",
		chunks + strings.Repeat("1;"+strings.Repeat("x", 3000)+"\r\nx\r\n", 9): "too much non-data",
		chunks + "0\r\nno colon\r\n\r\n":                                       "malformed trailer",
		chunks + "0\r\n: y\r\n\r\n":                                            "malformed trailer",
		chunks + "0\r\nX: y\n\n":                                               "malformed trailer",
		chunks + "0\r\nX: " + strings.Repeat("y", maxTrailer):                  "malformed trailer",
	} {
		for _, cut := range []int{1, 4096} {
			x, err := ask(t.Context(), []byte(answer), cut, false)
			if err != nil {
				t.Fatalf("%.80q: %v", answer, err)
			}
			if _, err = io.ReadAll(x); err == nil || !strings.Contains(err.Error(), words) {
				t.Errorf("%.80q cut at %d: got %v, want words %q", answer, cut, err, words)
			}
			if _, again := x.Read(make([]byte, 1)); again == nil || again.Error() != err.Error() {
				t.Errorf("%.80q: another read gives %v", answer, again)
			}
		}
	}
}

func TestAnswersWithoutABodySayHowLongItWouldBe(t *testing.T) {
	t.Parallel()
	for answer, want := range map[string]int64{
		"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n":         10,
		"HTTP/1.1 200 OK\r\n\r\n":                               -1,
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n": -1,
	} {
		x, err := ask(t.Context(), []byte(answer), 4096, true)
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(x); err != nil || len(body) != 0 || x.Length != want {
			t.Errorf("%q: got %q, length %d, %v", answer, body, x.Length, err)
		}
	}
}
