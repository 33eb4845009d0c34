package openaicompat

import (
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/schema"
)

func TestSettingsThatTheSchemaCannotJudgeAreReportedAtTheirPath(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		settings map[string]any
		path     string
		words    string
	}{
		"base_url":              {map[string]any{"base_url": "api.example.com"}, "base_url", "must begin with http:// or https://"},
		"a user in base_url":    {map[string]any{"base_url": "https://me:hidden@host"}, "base_url", "set the credential as api_key"},
		"proxy":                 {map[string]any{"proxy": "gopher://me:hidden@host"}, "proxy", `has the scheme "gopher"`},
		"the key's header":      {map[string]any{"headers": map[string]string{"authorization": "hidden"}}, `headers["authorization"]`, "set api_key instead"},
		"a header of ours":      {map[string]any{"headers": map[string]string{"content-type": "hidden"}}, `headers["content-type"]`, "leave it out"},
		"no header at all":      {map[string]any{"headers": map[string]string{"a b": "hidden"}}, `headers["a b"]`, "is not the name of a header"},
		"a header of two lines": {map[string]any{"headers": map[string]string{"x-a": "hidden\r\nx-b: 1"}}, `headers["x-a"]`, "control characters"},
		"a setting as a header": {map[string]any{"org": "hidden\n"}, "org", "control characters"},
		"certificates":          {map[string]any{"ca_certificates": "hidden"}, "ca_certificates", "holds no certificate in PEM form"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := dialect(func(d *Dialect) {
				d.Settings = []Setting{{Attribute: schema.Attribute{Name: "org", Type: schema.String}, Header: "X-Org"}}
			})
			_, err := openWith(d, tt.settings, "k")
			var bad *provider.ConfigError
			if !errors.As(err, &bad) || len(bad.Diagnostics) != 1 {
				t.Fatalf("got %v, want one diagnostic", err)
			}
			diag := bad.Diagnostics[0]
			if diag.Path != tt.path || !strings.Contains(diag.Detail, tt.words) || strings.Contains(diag.String(), "hidden") {
				t.Errorf("got %+v, want path %s and words %q", diag, tt.path, tt.words)
			}
		})
	}
}

func TestAllMistakesAreReportedAtOnce(t *testing.T) {
	t.Parallel()
	_, err := openWith(dialect(nil), map[string]any{"base_url": "x", "proxy": "y", "headers": map[string]string{"te": "1", "host": "2"}}, "k")
	var bad *provider.ConfigError
	if !errors.As(err, &bad) || len(bad.Diagnostics) != 4 {
		t.Fatalf("got %v, want four diagnostics", err)
	}
}

func TestADialectWithoutAnAddressRequiresTheSetting(t *testing.T) {
	t.Parallel()
	_, err := openWith(dialect(func(d *Dialect) { d.BaseURL = "" }), map[string]any{}, "k")
	if err == nil || !strings.Contains(err.Error(), "base_url") {
		t.Errorf("got %v", err)
	}
}

func TestDialectsThatCannotWorkPanic(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Dialect){
		"has no name":    func(d *Dialect) { d.Name = "" },
		"is there twice": func(d *Dialect) { d.Operations = Standard(provider.OpChat, provider.OpChat) },
		"goes nowhere": func(d *Dialect) {
			d.Settings = []Setting{{Attribute: schema.Attribute{Name: "a", Type: schema.String}}}
		},
		"proxy": func(d *Dialect) {
			d.Settings = []Setting{{Attribute: schema.Attribute{Name: "proxy", Type: schema.String}, Header: "X"}}
		},
		"is not a well-known": func(*Dialect) { Standard("chat.again") },
	} {
		func() {
			defer func() {
				if got := fmt.Sprint(recover()); !strings.Contains(got, name) {
					t.Errorf("got %q, want words %q", got, name)
				}
			}()
			New(dialect(change))
		}()
	}
}

func TestTheManifestSaysWhatTheDialectSays(t *testing.T) {
	t.Parallel()
	m := New(dialect(nil)).Describe()
	if m.Name != "acme" || m.Version != "1.2.3" || len(m.Operations) != len(standard) || !m.Credential.Required {
		t.Errorf("got %+v", m)
	}
	op, ok := m.Operation(provider.OpBatchesCreate)
	if !ok || !op.Unsafe {
		t.Errorf("batches.create: got %+v, %v", op, ok)
	}
	for _, op := range m.Operations {
		if len(op.Modes) == 0 || op.Description == "" {
			t.Errorf("%s: got %+v", op.Name, op)
		}
	}
}

func TestTheFirstByteTimeoutIsKept(t *testing.T) {
	t.Parallel()
	s := newService(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	e := s.open(t, dialect(nil), map[string]any{"first_byte_timeout": "20ms"})
	_, err := s.call(t, e, provider.OpChat, `{}`)
	if got := wantError(t, err, provider.CodeTimeout); !strings.Contains(got.Message, "within 20ms (first-byte timeout)") {
		t.Errorf("got %q", got.Message)
	}
}

func TestTheIdleTimeoutIsKept(t *testing.T) {
	t.Parallel()
	s := newService(t, func(w http.ResponseWriter, r *http.Request) {
		answerSSE(event(wordChunk))(w, r)
		<-r.Context().Done()
	})
	e := s.open(t, dialect(nil), map[string]any{"idle_timeout": "20ms"})
	_, err := e.Stream(t.Context(), &provider.Request{Operation: provider.OpChat, Body: []byte(`{}`)}, &sink{})
	if got := wantError(t, err, provider.CodeTimeout); !strings.Contains(got.Message, "sent nothing for 20ms") {
		t.Errorf("got %q", got.Message)
	}
}

func TestAnAuthorityOfTheOperatorsIsTrusted(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(answerJSON(200, `{"object":"list"}`))
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // it reports the handshake that fails
	server.StartTLS()
	t.Cleanup(server.Close)
	own := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	for certificates, want := range map[string]provider.Code{own: "", "": provider.CodeUnreachable} {
		settings := map[string]any{"base_url": server.URL}
		if certificates != "" {
			settings["ca_certificates"] = certificates
		}
		e, err := openWith(dialect(nil), settings, "k")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = e.Close() })
		_, err = e.Call(t.Context(), &provider.Request{Operation: provider.OpModels})
		if want == "" && err != nil {
			t.Error(err)
		}
		if want != "" {
			wantError(t, err, want)
		}
	}
}
