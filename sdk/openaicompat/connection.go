package openaicompat

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/rest"
	"github.com/backplane-dev/backplane/sdk/schema"
)

// Connection is the part of an endpoint that knows nothing of OpenAI: address,
// timeouts, proxy, headers and key. Providers that translate to a protocol of
// their own fill a [Dialect] for it, so that the same setting has the same name,
// the same checks and the same meaning at every provider.
type Connection struct {
	Client *rest.Client
	// Header is sent with every request; the endpoint's key is in it. It must
	// not be changed.
	Header http.Header
	// Query is added to every request's URL, nil for none.
	Query url.Values
	// Own are the dialect's own settings, whether they go anywhere by
	// themselves or not.
	Own provider.Settings
}

// Schema returns the settings of the dialect's endpoints, for the manifest of a
// provider that uses [Dialect.Connect].
func (d Dialect) Schema() schema.Object { return d.schema() }

// Connect makes a [Connection] of an endpoint's settings. It does not contact
// the service. Of the dialect only the name, version, address, auth, headers,
// settings, limits, Classify and ClassifyBody count; these two alone improve the
// errors, the words of OpenAI's relatives do not.
func (d Dialect) Connect(cfg provider.EndpointConfig) (*Connection, error) {
	s, err := d.decode(cfg.Settings)
	if err != nil {
		return nil, err
	}
	own, err := json.Marshal(s.own)
	if err != nil {
		return nil, fmt.Errorf("decode settings: %w", err)
	}
	options := d.options(s)
	options.Classify = d.Classify
	client, err := rest.New(options)
	if err != nil {
		return nil, fmt.Errorf("open endpoint: %w", err)
	}
	return &Connection{
		Client: client,
		Header: d.header(s, cfg.Credential),
		Query:  d.query(s),
		Own:    provider.NewSettings(own),
	}, nil
}
