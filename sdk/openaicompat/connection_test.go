package openaicompat_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/sdk/openaicompat"
	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/rest"
	"github.com/backplane-dev/backplane/sdk/schema"
)

func TestAnotherProtocolCanUseTheConnectionAlone(t *testing.T) {
	t.Parallel()
	var sent http.Header
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent = r.Header
		w.WriteHeader(http.StatusTeapot)
		_, _ = io.WriteString(w, `{"wait":"7s"}`)
	}))
	t.Cleanup(server.Close)
	d := openaicompat.Dialect{
		Name: "other", Version: "1.0.0", BaseURL: "https://other.example", Auth: openaicompat.Auth{Header: "x-key"},
		Settings: []openaicompat.Setting{
			{Attribute: schema.Attribute{Name: "api_version", Type: schema.String}, Header: "X-Version"},
			{Attribute: schema.Attribute{Name: "default_tokens", Type: schema.Int}},
		},
		Classify: func(e *provider.Error) { e.Code = provider.CodeOverloaded },
		ClassifyBody: func(e *provider.Error, body []byte) {
			if string(body) == `{"wait":"7s"}` {
				e.RetryAfter = 7 * time.Second
			}
		},
	}
	settings, err := json.Marshal(map[string]any{
		"base_url": server.URL, "api_version": "v7", "default_tokens": 5, "headers": map[string]string{"X-Team": "a"},
	})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := d.Connect(provider.EndpointConfig{Settings: provider.NewSettings(settings), Credential: provider.NewSecret("key")})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Client.Close()
	_, err = conn.Client.Do(t.Context(), &rest.Request{Path: "/x", Header: conn.Header})
	if e := provider.AsError(err); e == nil || e.Code != provider.CodeOverloaded || e.RetryAfter != 7*time.Second {
		t.Errorf("got %v, want the dialect's own class", err)
	}
	for name, want := range map[string]string{"X-Key": "key", "X-Version": "v7", "X-Team": "a", "User-Agent": "backplane-provider-other/1.0.0"} {
		if got := sent.Get(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	var own struct {
		Version string `json:"api_version"`
		Tokens  int    `json:"default_tokens"`
	}
	if err := conn.Own.Decode(&own); err != nil || own.Tokens != 5 || own.Version != "v7" {
		t.Errorf("got %+v, %v", own, err)
	}
	_, err = d.Connect(provider.EndpointConfig{Settings: provider.NewSettings(json.RawMessage(`{"base_url":"ftp://x"}`))})
	var mistakes *provider.ConfigError
	if !errors.As(err, &mistakes) || mistakes.Diagnostics[0].Path != "base_url" {
		t.Errorf("got %v, want a mistake at base_url", err)
	}
}
