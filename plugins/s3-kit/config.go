package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/backplane-dev/backplane/sdk"
	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/rest"
	"github.com/backplane-dev/backplane/sdk/schema"
)

type diagnostic = schema.Diagnostic

const (
	mib = 1 << 20
	// minPart is the smallest part that S3 takes, but for the last one.
	minPart = 5 * mib
	// maxSingle is the largest object that one request can store.
	maxSingle = 5 << 30
)

var settingsSchema = schema.Object{Attributes: []schema.Attribute{
	{Name: "endpoint", Type: schema.String, Env: []string{"S3_ENDPOINT", "AWS_ENDPOINT_URL_S3"},
		Description: "Address of the service, without a bucket; absent, it is Amazon's in the region."},
	{Name: "region", Type: schema.String, Default: "us-east-1", Env: []string{"AWS_REGION"}, Pattern: `[A-Za-z0-9-]{1,64}`,
		Description: "Region for which requests are signed. Most other vendors take us-east-1, some want \"auto\"."},
	{Name: "access_key", Type: schema.String, Sensitive: true, Env: []string{"S3_ACCESS_KEY", "AWS_ACCESS_KEY_ID"},
		Description: "Name of the key. Without access_key and secret_key requests are not signed, which public buckets allow."},
	{Name: "secret_key", Type: schema.String, Sensitive: true, Env: []string{"S3_SECRET_KEY", "AWS_SECRET_ACCESS_KEY"},
		Description: "The key itself. It is never sent, only what is signed with it."},
	{Name: "session_token", Type: schema.String, Sensitive: true, Env: []string{"AWS_SESSION_TOKEN"},
		Description: "Token that belongs to temporary keys."},
	{Name: "path_style", Type: schema.Bool,
		Description: "Name the bucket in the path (true) or as a part of the host (false). Absent: in the host at Amazon, in the path at a service with an endpoint of its own."},
	{Name: "part_size", Type: schema.Size, Default: "8MiB", Min: schema.Bound(minPart), Max: schema.Bound(64 * mib),
		Description: "Size of the parts of large uploads. Each upload of unknown length holds one part in memory, and can have 10000 of them."},
	{Name: "multipart_threshold", Type: schema.Size, Default: "64MiB", Min: schema.Bound(minPart), Max: schema.Bound(maxSingle),
		Description: "Uploads of known length up to this size are one request, larger ones are sent in parts."},
	{Name: "connect_timeout", Type: schema.Duration, Default: "10s", Min: schema.Bound(0.001),
		Description: "Time to resolve the service's name and connect, and again for the TLS handshake."},
	{Name: "first_byte_timeout", Type: schema.Duration, Default: "0s", Min: schema.Bound(0),
		Description: "Time from the end of a request to the header of its answer; 0s is no limit of its own."},
	{Name: "idle_timeout", Type: schema.Duration, Default: "5m", Min: schema.Bound(0),
		Description: "Longest silence while an object is read; 0s is no limit."},
	{Name: "proxy", Type: schema.String, Sensitive: true,
		Description: "Address of an HTTP or SOCKS5 proxy; absent, there is none."},
	{Name: "ca_certificates", Type: schema.String,
		Description: `Certificate authorities (PEM) to trust in place of the system's, as in file("ca.pem").`},
}}

// config is an endpoint's settings, decoded and checked.
type config struct {
	Endpoint       string               `json:"endpoint"`
	Region         string               `json:"region"`
	AccessKey      provider.Secret      `json:"access_key"`
	SecretKey      provider.Secret      `json:"secret_key"`
	SessionToken   provider.Secret      `json:"session_token"`
	PathStyle      *bool                `json:"path_style"`
	PartSize       schema.SizeValue     `json:"part_size"`
	Threshold      schema.SizeValue     `json:"multipart_threshold"`
	ConnectTimeout schema.DurationValue `json:"connect_timeout"`
	FirstByte      schema.DurationValue `json:"first_byte_timeout"`
	IdleTimeout    schema.DurationValue `json:"idle_timeout"`
	Proxy          string               `json:"proxy"`
	CACertificates string               `json:"ca_certificates"`

	base *url.URL
	tls  *tls.Config
}

func newConfig(cfg provider.EndpointConfig) (*config, error) {
	c := &config{}
	if err := cfg.Settings.Decode(c); err != nil {
		return nil, err
	}
	if c.Endpoint == "" {
		c.Endpoint = "https://s3." + c.Region + ".amazonaws.com"
		if c.PathStyle == nil {
			c.PathStyle = new(bool)
		}
	}
	diags := c.check()
	if !cfg.Credential.IsZero() {
		diags = append(diags, diagnostic{Path: "api_key", Summary: "Unused key",
			Detail: `"api_key" is not used here, since S3 needs a pair of keys: set access_key and secret_key in the settings.`})
	}
	if len(diags) > 0 {
		return nil, &provider.ConfigError{Diagnostics: diags}
	}
	var err error
	c.base, err = url.Parse(strings.TrimRight(c.Endpoint, "/"))
	return c, err
}

// check reports what the schema cannot see.
func (c *config) check() []diagnostic {
	var diags []diagnostic
	bad := func(path, summary, format string, args ...any) {
		diags = append(diags, diagnostic{Path: path, Summary: summary, Detail: fmt.Sprintf(format, args...)})
	}
	if err := rest.CheckBaseURL(c.Endpoint); err != nil {
		bad("endpoint", "Invalid address", `"endpoint" %v.`, err)
	}
	if err := rest.CheckProxy(c.Proxy); err != nil {
		bad("proxy", "Invalid proxy", `"proxy" %v.`, err)
	}
	switch {
	case c.AccessKey.IsZero() && !c.SecretKey.IsZero():
		bad("secret_key", "Half a key", `"secret_key" needs "access_key" beside it.`)
	case !c.AccessKey.IsZero() && c.SecretKey.IsZero():
		bad("access_key", "Half a key", `"access_key" needs "secret_key" beside it.`)
	case !c.SessionToken.IsZero() && c.AccessKey.IsZero():
		bad("session_token", "Half a key", `"session_token" needs "access_key" and "secret_key" beside it.`)
	}
	for name, secret := range map[string]provider.Secret{"access_key": c.AccessKey, "session_token": c.SessionToken} {
		if !headerText(secret.Reveal()) {
			bad(name, "Invalid key", "%q is sent in a header and must be printable ASCII.", name)
		}
	}
	if c.CACertificates != "" {
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM([]byte(c.CACertificates)) {
			bad("ca_certificates", "No certificate", `"ca_certificates" holds no certificate in PEM form; give the text of the file.`)
		}
		c.tls = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	return diags
}

// signed reports whether there are keys to sign requests with.
func (c *config) signed() bool { return !c.AccessKey.IsZero() }

// options are those of the client that all requests of the endpoint share.
func (c *config) options() rest.Options {
	connect := time.Duration(c.ConnectTimeout)
	idle := time.Duration(c.IdleTimeout)
	if idle == 0 {
		idle = -1 // 0s is no limit
	}
	secrets := []provider.Secret{c.SecretKey, c.AccessKey, c.SessionToken}
	return rest.Options{
		BaseURL: c.Endpoint, UserAgent: "backplane-provider-s3-kit/" + sdk.Version,
		ConnectTimeout: connect, TLSTimeout: connect, FirstByteTimeout: time.Duration(c.FirstByte), IdleTimeout: idle,
		Proxy: c.Proxy, TLS: c.tls, Secrets: secrets,
		ClassifyBody: func(e *provider.Error, body []byte) { classify(e, body, secrets) },
	}
}
