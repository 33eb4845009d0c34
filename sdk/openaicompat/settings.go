package openaicompat

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/rest"
	"github.com/backplane-dev/backplane/sdk/schema"
)

// schema returns the settings of the dialect's endpoints.
func (d *Dialect) schema() schema.Object {
	base := schema.Attribute{
		Name: "base_url", Type: schema.String, Env: d.BaseURLEnv, Required: d.BaseURL == "",
		Description: "Address of the service, up to and including its version, without a slash at the end.",
	}
	if d.BaseURL != "" {
		base.Default = d.BaseURL
	}
	o := schema.Object{Attributes: []schema.Attribute{base}}
	for _, s := range d.Settings {
		o.Attributes = append(o.Attributes, s.Attribute)
	}
	o.Attributes = append(o.Attributes,
		schema.Attribute{
			Name: "headers", Type: schema.StringMap, Sensitive: true,
			Description: "Further headers of every request. The key's header cannot be among them: set api_key.",
		},
		schema.Attribute{
			Name: "connect_timeout", Type: schema.Duration, Default: "10s", Min: schema.Bound(0.001),
			Description: "Time to resolve the service's name and connect, and again for the TLS handshake.",
		},
		schema.Attribute{
			Name: "first_byte_timeout", Type: schema.Duration, Default: "0s", Min: schema.Bound(0),
			Description: "Time from sending the request to the header of the answer; 0s is no limit of its own.",
		},
		schema.Attribute{
			Name: "idle_timeout", Type: schema.Duration, Default: "5m", Min: schema.Bound(0),
			Description: "Longest silence within an answer, keep-alive comments counted as speech; 0s is no limit.",
		},
		schema.Attribute{
			Name: "proxy", Type: schema.String, Sensitive: true,
			Description: `Address of an HTTP or SOCKS5 proxy, or "environment" for the variables HTTPS_PROXY, HTTP_PROXY and NO_PROXY of the plugin's process; absent, there is none.`,
		},
		schema.Attribute{
			Name: "ca_certificates", Type: schema.String,
			Description: `Certificate authorities (PEM) to trust in place of the system's, as in file("ca.pem").`,
		},
	)
	return o
}

// settings are an endpoint's settings, decoded.
type settings struct {
	BaseURL          string               `json:"base_url"`
	Headers          map[string]string    `json:"headers"`
	ConnectTimeout   schema.DurationValue `json:"connect_timeout"`
	FirstByteTimeout schema.DurationValue `json:"first_byte_timeout"`
	IdleTimeout      schema.DurationValue `json:"idle_timeout"`
	Proxy            string               `json:"proxy"`
	CACertificates   string               `json:"ca_certificates"`

	// own holds the dialect's settings by name.
	own map[string]json.RawMessage
	tls *tls.Config
}

// decode reads settings that fit the schema and checks what the schema cannot.
func (d *Dialect) decode(in provider.Settings) (*settings, error) {
	s := &settings{}
	var all map[string]json.RawMessage
	if err := in.Decode(&all); err != nil {
		return nil, err
	}
	s.own = map[string]json.RawMessage{}
	for _, own := range d.Settings {
		if value, ok := all[own.Name]; ok {
			s.own[own.Name] = value
			delete(all, own.Name)
		}
	}
	rest, err := json.Marshal(all)
	if err != nil {
		return nil, fmt.Errorf("decode settings: %w", err)
	}
	if err := provider.NewSettings(rest).Decode(s); err != nil {
		return nil, err
	}
	if d.Address != nil {
		s.BaseURL = d.Address(s.BaseURL)
	}
	if diags := d.check(s); len(diags) > 0 {
		return nil, &provider.ConfigError{Diagnostics: diags}
	}
	return s, nil
}

// check reports the mistakes that the schema cannot see.
func (d *Dialect) check(s *settings) []schema.Diagnostic {
	var diags []schema.Diagnostic
	bad := func(path, summary, detail string) {
		diags = append(diags, schema.Diagnostic{Path: path, Summary: summary, Detail: detail})
	}
	if err := rest.CheckBaseURL(s.BaseURL); err != nil {
		bad("base_url", "Invalid address", fmt.Sprintf(`"base_url" %v.`, err))
	}
	if err := rest.CheckProxy(s.Proxy); err != nil {
		bad("proxy", "Invalid proxy", fmt.Sprintf(`"proxy" %v.`, err))
	}
	for _, name := range slices.Sorted(maps.Keys(s.Headers)) {
		if problem := d.headerProblem(name, s.Headers[name]); problem != "" {
			bad("headers["+strconv.Quote(name)+"]", "Invalid header", fmt.Sprintf("%q %s.", name, problem))
		}
	}
	for _, own := range d.Settings {
		if own.Header != "" && !validHeaderValue(text(s.own[own.Name])) {
			bad(own.Name, "Invalid value", fmt.Sprintf("%q is sent as a header and must not contain control characters.", own.Name))
		}
	}
	if s.CACertificates != "" {
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM([]byte(s.CACertificates)) {
			bad("ca_certificates", "No certificate", `"ca_certificates" holds no certificate in PEM form; give the text of the file, as in file("ca.pem").`)
		}
		s.tls = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	return diags
}

// options are the client's options for the settings.
func (d *Dialect) options(s *settings) rest.Options {
	o := rest.Options{
		BaseURL:          s.BaseURL,
		UserAgent:        "backplane-provider-" + d.Name + "/" + d.Version,
		ConnectTimeout:   time.Duration(s.ConnectTimeout),
		TLSTimeout:       time.Duration(s.ConnectTimeout),
		FirstByteTimeout: time.Duration(s.FirstByteTimeout),
		IdleTimeout:      time.Duration(s.IdleTimeout),
		MaxResponseBytes: d.Limits.MaxResponseBytes,
		Proxy:            s.Proxy,
		TLS:              s.tls,
		Classify:         d.classify,
		ClassifyBody:     d.ClassifyBody,
	}
	if s.IdleTimeout == 0 {
		o.IdleTimeout = -1 // 0s is no limit
	}
	for _, value := range s.Headers {
		o.Secrets = append(o.Secrets, provider.NewSecret(value))
	}
	return o
}
