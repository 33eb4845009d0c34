package plugintest

import (
	"encoding/json"
	"testing"

	"github.com/backplane-dev/backplane/sdk/client"
	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/providertest"
	"github.com/backplane-dev/backplane/sdk/schema"
)

// Settings are an endpoint's settings in a test.
type Settings map[string]any

// Open serves the provider over the real wire, with an endpoint "e". Defaults
// of the settings are filled in as the host does.
func Open(t testing.TB, p provider.Provider, settings Settings, key string) *client.Conn {
	t.Helper()
	conn, diags := TryOpen(t, p, settings, key)
	if len(diags) > 0 {
		t.Fatalf("the endpoint did not open: %+v", diags)
	}
	return conn
}

// TryOpen is [Open] for settings that may be wrong.
func TryOpen(t testing.TB, p provider.Provider, settings Settings, key string) (*client.Conn, []schema.Diagnostic) {
	t.Helper()
	if settings == nil {
		settings = Settings{}
	}
	raw, err := json.Marshal(settings)
	if err != nil {
		t.Fatal(err)
	}
	conn := providertest.Dial(t, p)
	full, diags := p.Describe().Settings.Check(raw)
	if schema.HasErrors(diags) {
		return conn, diags
	}
	diags, err = conn.OpenEndpoint(t.Context(), provider.EndpointConfig{
		ID: "e", Revision: 1, Credential: provider.NewSecret(key), Settings: provider.NewSettings(full),
	})
	if err != nil {
		t.Fatal(err)
	}
	return conn, diags
}

// Request makes a request of the endpoint.
func Request(operation, body string) *provider.Request {
	return &provider.Request{Endpoint: "e", Revision: 1, Operation: operation, RequestID: "req_host", Attempt: 1, Body: []byte(body)}
}

// WantError fails the test unless err has the code; it returns the error.
func WantError(t testing.TB, err error, code provider.Code) *provider.Error {
	t.Helper()
	if err == nil {
		t.Fatalf("got no error, want %s", code)
	}
	e := provider.AsError(err)
	if e.Code != code {
		t.Fatalf("got %v, want code %s", e, code)
	}
	return e
}
