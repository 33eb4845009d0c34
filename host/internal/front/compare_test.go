package front

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
)

// config is a server for tests; what it logs is not of interest.
func config(h http.Handler) *http.Server {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	return &http.Server{Handler: h, Protocols: &protocols, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 64 << 10, ErrorLog: log.New(io.Discard, "", 0)}
}

func listener(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// start runs a server of this package.
func start(t *testing.T, s *http.Server) (*Server, string) {
	t.Helper()
	l := listener(t)
	server := New(s)
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	t.Cleanup(func() {
		if err := server.Shutdown(context.Background()); err != nil { // clients have left by now
			t.Error(err)
		}
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("Serve returned %v", err)
		}
	})
	return server, l.Addr().String()
}

// startStandard runs net/http's server, to compare with.
func startStandard(t *testing.T, s *http.Server) string {
	t.Helper()
	l := listener(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Serve(l)
	}()
	t.Cleanup(func() {
		if err := s.Shutdown(context.Background()); err != nil { // as above
			t.Error(err)
		}
		<-done
	})
	return l.Addr().String()
}

func dial(t *testing.T, addr string) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(20 * time.Second)) // against hanging
	return c.(*net.TCPConn)
}

// answers sends requests one after the other and says what comes back, up to the
// end of the connection. The last must make the server close it.
func answers(t *testing.T, addr string, requests []string) []string {
	t.Helper()
	c := dial(t, addr)
	in := bufio.NewReader(c)
	var all []string
	for _, raw := range requests {
		if _, err := io.WriteString(c, raw); err != nil {
			return append(all, "cannot be sent")
		}
		method, _, _ := strings.Cut(raw, " ")
		resp, err := http.ReadResponse(in, &http.Request{Method: method})
		if err != nil {
			return append(all, "no answer")
		}
		body, err := io.ReadAll(resp.Body)
		_, dated := resp.Header["Date"]
		resp.Header.Del("Date")
		all = append(all, fmt.Sprintf("%s %v length=%d coding=%v close=%v dated=%v body=%.100q err=%v",
			resp.Status, brief(resp.Header), resp.ContentLength, resp.TransferEncoding, resp.Close, dated, body, err))
	}
	if _, err := in.ReadByte(); err == nil {
		all = append(all, "more")
	}
	return all
}

// brief keeps a long header from filling a page.
func brief(h http.Header) string {
	text := fmt.Sprint(h)
	return fmt.Sprintf("%.300s (%d)", text, len(text))
}

const end = "GET /end HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

func request(method, rest string) string {
	return method + " /x HTTP/1.1\r\nHost: a\r\n" + rest
}

// handlers do what handlers may do. Each is called with requests of several
// methods.
var handlers = map[string]http.HandlerFunc{
	"nothing": func(http.ResponseWriter, *http.Request) {},
	"text":    func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") },
	"pieces": func(w http.ResponseWriter, _ *http.Request) {
		for range 3 {
			_, _ = io.WriteString(w, "<p>piece</p>")
		}
	},
	"length": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "5")
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, "hello")
	},
	"too much": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "5")
		if _, err := io.WriteString(w, "hello"); err != nil {
			panic(err)
		}
		if _, err := io.WriteString(w, "!"); !errors.Is(err, http.ErrContentLength) {
			panic(err)
		}
	},
	"too little": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "50")
		_, _ = io.WriteString(w, "hello")
	},
	"no content": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "5")
		w.WriteHeader(http.StatusNoContent)
		if _, err := io.WriteString(w, "hello"); !errors.Is(err, http.ErrBodyNotAllowed) {
			panic(err)
		}
	},
	"not modified": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/css")
		w.Header().Set("Content-Length", "5")
		w.Header().Set("Etag", `"e"`)
		w.WriteHeader(http.StatusNotModified)
	},
	"error":       func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusTeapot) },
	"odd status":  func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(799) },
	"two heads":   func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(201); w.WriteHeader(202) },
	"closes":      func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Connection", "close") },
	"redirect":    func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/there", http.StatusFound) },
	"late header": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(200); w.Header().Set("Late", "1") },
	"no type": func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Content-Type"] = nil
		w.Header()["Date"] = nil
		_, _ = io.WriteString(w, "hello")
	},
	"encoded": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = io.WriteString(w, "hello")
	},
	"split fields": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-A", " a\r\nX-Evil: b\nc\r ")
		w.Header()["X B"] = []string{"no name"}
		w.Header()["X-C\r\nX-Evil"] = []string{"no name"}
		w.Header()["X-D"] = []string{"1", "2"}
	},
	"flushed": func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "first")
		_ = http.NewResponseController(w).Flush()
		_, _ = io.WriteString(w, "second")
	},
	"flushed at once": func(w http.ResponseWriter, _ *http.Request) {
		w.(http.Flusher).Flush()
		w.(http.Flusher).Flush()
		_, _ = io.WriteString(w, "hello")
	},
	"large": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 100_000)) },
	"large of known length": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100001")
		_, _ = w.Write(make([]byte, 1))
		_, _ = w.Write(make([]byte, 100_000))
	},
	"large head": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Large", strings.Repeat("x", 40_000))
		_, _ = io.WriteString(w, "hello")
	},
	"echo": func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) },
	"half read": func(w http.ResponseWriter, r *http.Request) {
		_, _ = r.Body.Read(make([]byte, 1))
		_, _ = io.WriteString(w, "enough")
	},
	"closed body": func(w http.ResponseWriter, r *http.Request) {
		_ = r.Body.Close()
		_, err := r.Body.Read(make([]byte, 1))
		_, _ = fmt.Fprint(w, err)
	},
	"full duplex": func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).EnableFullDuplex()
		_ = http.NewResponseController(w).Flush()
		_, _ = io.Copy(w, r.Body)
	},
	"what is asked": func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprint(w, r.Method, r.URL, r.RequestURI, r.Host, r.Header, r.ContentLength, r.TransferEncoding, r.Close, r.Proto, r.TLS, r.Form, r.Trailer)
		_, _ = fmt.Fprint(w, r.Context().Value(http.ServerContextKey).(*http.Server).MaxHeaderBytes)
	},
}

// TestAnswersAreThoseOfNetHTTP holds each kind of answer against the one of
// net/http's server.
func TestAnswersAreThoseOfNetHTTP(t *testing.T) {
	t.Parallel()
	bodies := map[string]string{
		"without a body": "\r\n",
		"small":          "Content-Type: text/plain\r\nContent-Length: 5\r\n\r\n12345",
		"larger":         fmt.Sprintf("Content-Length: 100000\r\n\r\n%s", strings.Repeat("b", 100_000)),
		"closing":        "Connection: close\r\nContent-Length: 5\r\n\r\n12345",
	}
	for name, h := range handlers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, mine := start(t, config(h))
			standard := startStandard(t, config(h))
			for _, method := range []string{"GET", "HEAD", "POST", "PUT"} {
				for kind, rest := range bodies {
					script := []string{request(method, rest), request(method, rest), end}
					got, want := answers(t, mine, script), answers(t, standard, script)
					if !reflect.DeepEqual(got, want) {
						t.Errorf("%s %s: got\n%.300q\nnet/http says\n%.300q", method, kind, got, want)
					}
				}
			}
		})
	}
}

var dates = regexp.MustCompile(`Date: [^\r]*`)

// everything sends raw bytes, ends its side, and returns all that comes back.
func everything(t *testing.T, addr, raw string) string {
	t.Helper()
	c := dial(t, addr)
	_, _ = io.WriteString(c, raw)
	_ = c.CloseWrite()
	all, _ := io.ReadAll(c)
	return dates.ReplaceAllString(string(all), "Date: today")
}

// TestWhatIsNotPlainIsAnsweredByNetHTTP compares byte for byte, also after a
// plain request on the same connection.
func TestWhatIsNotPlainIsAnsweredByNetHTTP(t *testing.T) {
	t.Parallel()
	h := handlers["echo"]
	_, mine := start(t, config(h))
	standard := startStandard(t, config(h))
	odd := append([]string{
		request("POST", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
		request("GET", "X: "+strings.Repeat("x", 20_000)+"\r\n\r\n"),
		request("GET", "X: "+strings.Repeat("x", 100_000)+"\r\n\r\n"),
		"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n",
	}, refused...)
	for _, raw := range odd {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			for _, before := range []string{"", request("POST", "Content-Length: 5\r\n\r\nplain")} {
				if got, want := everything(t, mine, before+raw), everything(t, standard, before+raw); got != want {
					t.Errorf("%.200q: got\n%.300q\nnet/http says\n%.300q", before+raw, got, want)
				}
			}
		})
	}
}
