package rest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// Defaults of [Options].
const (
	DefaultConnectTimeout   = 10 * time.Second
	DefaultTLSTimeout       = 10 * time.Second
	DefaultIdleTimeout      = 5 * time.Minute
	DefaultMaxResponseBytes = 64 << 20
	DefaultMaxIdleConns     = 512
)

// ProxyEnvironment as [Options.Proxy] uses HTTP_PROXY, HTTPS_PROXY and NO_PROXY.
const ProxyEnvironment = "environment"

// Options configure a [Client]. Zero values mean the defaults; a negative
// duration means no limit.
type Options struct {
	// BaseURL is the http or https address below which all requests go.
	// Required. Without query, fragment and user.
	BaseURL string
	// UserAgent of all requests; "" sends Go's.
	UserAgent string

	// ConnectTimeout bounds name resolution and connecting, TLSTimeout the TLS
	// handshake. Defaults: 10 s each. A call whose context has a
	// [provider.ConnectTimeout] keeps to that too, for both together.
	ConnectTimeout time.Duration
	TLSTimeout     time.Duration
	// FirstByteTimeout bounds the wait for the response header once the request
	// was sent. The default is no limit but the context's: models think long.
	FirstByteTimeout time.Duration
	// IdleTimeout bounds the silence between two reads of an answer, keep-alive
	// comments included. Default: 5 min.
	IdleTimeout time.Duration

	// MaxResponseBytes bounds [Response.ReadAll]. Default: 64 MiB.
	MaxResponseBytes int64
	// MaxEventBytes bounds an event of a stream. Default: [DefaultMaxEventBytes].
	MaxEventBytes int

	// Proxy is the address of an HTTP or SOCKS5 proxy, [ProxyEnvironment], or ""
	// for none.
	Proxy string
	// TLS replaces the TLS configuration (own certificate authorities); nil is
	// Go's default.
	TLS *tls.Config
	// Dial replaces the dialer, for unix sockets and tests. It must end with its
	// context.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// MaxIdleConns is the number of idle connections kept for the next calls.
	// Default: 512.
	MaxIdleConns int

	// Classify improves the class of a failure that the service reported: it
	// is called with the error that the status, the header and the body gave,
	// and changes it in place.
	Classify func(*provider.Error)
	// ClassifyBody does the same with the body of the failed answer at hand (its
	// first 64 KiB), for services that say there what no other does, such as
	// Google's error details. It is called after Classify. Take words and
	// numbers from the body, no free text: it can hold credentials.
	ClassifyBody func(e *provider.Error, body []byte)
	// Secrets are removed from all error texts, as are the credentials in a
	// request's header.
	Secrets []provider.Secret
}

// CheckBaseURL reports what is wrong with a base URL, in words for an operator.
func CheckBaseURL(text string) error {
	_, err := parseBaseURL(text)
	return err
}

func parseBaseURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		// The parser's error repeats the text, which may hold a password.
		return nil, errors.New(`is not a URL; write one such as "https://api.example.com/v1"`)
	case u.Scheme != "http" && u.Scheme != "https", u.Host == "":
		return nil, errors.New(`must begin with http:// or https:// and a host, such as "https://api.example.com/v1"`)
	case u.User != nil:
		return nil, errors.New("must not contain a user or password; set the credential as api_key")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, errors.New("must not contain a query or fragment")
	}
	u.Path = strings.TrimRight(u.Path, "/")
	u.RawPath = strings.TrimRight(u.RawPath, "/")
	return u, nil
}

// CheckProxy reports what is wrong with a proxy setting, in words for an operator.
func CheckProxy(text string) error {
	_, err := proxyFunc(text)
	return err
}

func proxyFunc(text string) (func(*http.Request) (*url.URL, error), error) {
	switch text {
	case "":
		return nil, nil
	case ProxyEnvironment:
		return http.ProxyFromEnvironment, nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf(`must be the address of a proxy, such as "http://proxy.example.com:3128", or %q`, ProxyEnvironment)
	}
	switch u.Scheme {
	case "http", "https", "socks5", "socks5h":
		return http.ProxyURL(u), nil
	default:
		return nil, fmt.Errorf("has the scheme %q; use http, https or socks5", u.Scheme)
	}
}

// limit returns the default for 0 and 0, no limit, for a negative duration.
func limit(d, byDefault time.Duration) time.Duration {
	switch {
	case d < 0:
		return 0
	case d == 0:
		return byDefault
	default:
		return d
	}
}
