package ollama

import (
	"net"
	"net/netip"
	"strings"
)

// port on which Ollama listens unless it is told otherwise.
const port = "11434"

// Address makes a base URL of what Ollama accepts as OLLAMA_HOST: a whole URL,
// "host:port", "host", ":port" or nothing. An address that means "listen
// everywhere" becomes loopback. The path is appended if none is given. What
// cannot be read comes back as a URL that the check of addresses refuses.
func Address(text, path string) string {
	text = strings.Trim(strings.TrimSpace(text), `"'`)
	scheme, rest, given := strings.Cut(text, "://")
	defaultPort := map[string]string{"http": "80", "https": "443"}[scheme]
	if !given {
		scheme, rest, defaultPort = "http", text, port
	}
	place, tail, _ := strings.Cut(rest, "/")
	if tail = strings.Trim(tail, "/"); tail != "" {
		path = "/" + tail
	}
	return scheme + "://" + hostPort(place, defaultPort) + path
}

// hostPort completes a host and port.
func hostPort(place, defaultPort string) string {
	host, number, err := net.SplitHostPort(place)
	if err != nil {
		host, number = place, defaultPort
		if inner, found := strings.CutPrefix(place, "["); found {
			host = strings.TrimSuffix(inner, "]")
		}
	}
	if number == "" {
		number = defaultPort
	}
	if host == "" {
		host = "127.0.0.1"
	}
	if ip, err := netip.ParseAddr(host); err == nil && ip.IsUnspecified() {
		host = "127.0.0.1"
		if ip.Is6() {
			host = "::1"
		}
	}
	if number == "" { // a scheme that has no port; the check of addresses says so
		return host
	}
	return net.JoinHostPort(host, number)
}
