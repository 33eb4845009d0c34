package main

import (
	"fmt"
	"net/http"
	"path"
	"regexp"

	"github.com/backplane-dev/backplane/sdk/openaicompat"
	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/rest"
	"github.com/backplane-dev/backplane/sdk/schema"
)

// keyHeader carries the key. The service takes it in the URL as well, where it
// would end up in the logs of everything on the way.
const keyHeader = "X-Goog-Api-Key"

// dialect says how the service is reached; of OpenAI's protocol nothing is used.
var dialect = openaicompat.Dialect{
	Name:       "gemini",
	Version:    version,
	BaseURL:    "https://generativelanguage.googleapis.com",
	BaseURLEnv: []string{"GOOGLE_GEMINI_BASE_URL"},
	Auth:       openaicompat.Auth{Header: keyHeader},
	Settings: []openaicompat.Setting{{
		Attribute: schema.Attribute{
			Name: "api_version", Type: schema.String, Default: "v1beta", Pattern: versionForm,
			Description: "Version of the API, the part of the path after base_url.",
		},
	}},
	ClassifyBody: classify,
}

// settings are those of every service, but for the words about the address.
func settings() schema.Object {
	object := dialect.Schema()
	for i := range object.Attributes {
		if object.Attributes[i].Name == "base_url" {
			object.Attributes[i].Description = "Address of the service, without the version and without a slash at the end."
		}
	}
	return object
}

const versionForm = `v[0-9]+[a-z0-9]*`

var endsInVersion = regexp.MustCompile(`^` + versionForm + `$`)

// connection is how an endpoint reaches the service.
type connection struct {
	client *rest.Client
	header http.Header // of all requests, with the endpoint's key
	root   string      // of all paths: the API's version
}

// connect makes a connection of an endpoint's settings.
func connect(cfg provider.EndpointConfig) (connection, error) {
	conn, err := dialect.Connect(cfg)
	if err != nil {
		return connection{}, err
	}
	var own struct {
		APIVersion string `json:"api_version"`
	}
	if err := conn.Own.Decode(&own); err != nil {
		return connection{}, err
	}
	if err := checkAddress(cfg); err != nil {
		return connection{}, err
	}
	return connection{client: conn.Client, header: conn.Header, root: "/" + own.APIVersion}, nil
}

// checkAddress finds the mistake that is made most easily: other providers have
// the version in their base_url.
func checkAddress(cfg provider.EndpointConfig) error {
	var all struct {
		BaseURL string `json:"base_url"`
	}
	if err := decodeLenient(cfg.Settings.JSON(), &all); err != nil {
		return err
	}
	last := path.Base(all.BaseURL)
	if !endsInVersion.MatchString(last) {
		return nil
	}
	return &provider.ConfigError{Diagnostics: []schema.Diagnostic{{
		Path: "base_url", Summary: "Version in the address",
		Detail: fmt.Sprintf(`"base_url" must not end in %q; leave it out and set api_version = %q.`, "/"+last, last),
	}}}
}
