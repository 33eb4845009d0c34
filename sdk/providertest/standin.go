package providertest

import (
	"bufio"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// ServiceAt returns a service whose healthy answers come from a server of the
// author's, in any language, at the given address. The provider is pointed to the
// kit, which passes requests on to that server and makes the slow, broken and
// unkind answers itself; their shape is OpenAI's unless [Service.Error] says
// otherwise. Somebody must be listening there already.
func ServiceAt(address string) (*Service, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	if u.Scheme != "http" || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
		return nil, fmt.Errorf("the address of the service %q is wrong: it must be http://host:port, without a path", address)
	}
	conn, err := net.DialTimeout("tcp", u.Host, 5*time.Second)
	if err != nil {
		return nil, fmt.Errorf("start the server that answers for the service first: %w", err)
	}
	_ = conn.Close() // only asked whether it is there
	return &Service{Handler: &standIn{host: u.Host, transport: &http.Transport{DisableCompression: true, DisableKeepAlives: true}}}, nil
}

// standIn passes requests on, as they are, to the server that stands in for the
// service.
type standIn struct {
	host      string
	transport *http.Transport
}

// ServeHTTP implements [http.Handler].
func (s *standIn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	out := r.Clone(r.Context())
	out.RequestURI = ""
	out.URL.Scheme, out.URL.Host = "http", s.host // the header Host stays: it can be signed
	resp, err := s.transport.RoundTrip(out)
	if err != nil {
		if r.Context().Err() == nil {
			http.Error(w, "the server that stands in for the service does not answer: "+err.Error(), http.StatusBadGateway)
		}
		return
	}
	defer resp.Body.Close()
	for name, values := range resp.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(resp.StatusCode)
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")) // what is no type is no stream
	switch kind {
	case "text/event-stream":
		pieces(w, resp.Body, func(line string) bool { return strings.TrimRight(line, "\r\n") == "" })
	case "application/x-ndjson", "application/jsonl":
		pieces(w, resp.Body, func(string) bool { return true })
	default:
		_, _ = io.Copy(w, resp.Body) // a failure is seen by the provider
	}
}

// pieces copies a stream and flushes after each line that ends an event: the kit
// cuts and holds streams there, whatever came together over the network.
func pieces(w http.ResponseWriter, stream io.Reader, end func(line string) bool) {
	lines := bufio.NewReader(stream)
	for {
		line, err := lines.ReadString('\n')
		if _, writeErr := io.WriteString(w, line); writeErr != nil || err != nil {
			return // as above
		}
		if end(line) {
			_ = http.NewResponseController(w).Flush() // as above
		}
	}
}
