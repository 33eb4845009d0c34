package wire

import (
	"encoding/json"
	"net/url"
	"strings"

	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/schema"
)

// minSecret is the shortest secret that is searched for. Replacing every "a"
// of a message would hide nothing and ruin the text.
const minSecret = 4

// redactor removes known secrets from texts that leave the process. Providers
// should not put them there; services that echo a key in an error do.
type redactor struct{ secrets []string }

func newRedactor(secrets ...string) redactor {
	var r redactor
	for _, s := range secrets {
		r = r.with(s)
	}
	return r
}

// with returns a redactor that removes one more secret, plain and as it looks
// inside a URL.
func (r redactor) with(secret string) redactor {
	if len(secret) < minSecret {
		return r
	}
	all := append(r.secrets[:len(r.secrets):len(r.secrets)], secret)
	if escaped := url.QueryEscape(secret); escaped != secret {
		all = append(all, escaped)
	}
	return redactor{secrets: all}
}

func (r redactor) redact(s string) string {
	for _, secret := range r.secrets {
		s = strings.ReplaceAll(s, secret, provider.Secret{}.String())
	}
	return s
}

// error returns a copy of e without secrets; e itself may be the author's.
func (r redactor) error(e *provider.Error) *provider.Error {
	out := *e
	out.Message = r.redact(e.Message)
	out.Type = r.redact(e.Type)
	out.UpstreamCode = r.redact(e.UpstreamCode)
	out.Param = r.redact(e.Param)
	out.RequestID = r.redact(e.RequestID)
	return &out
}

func (r redactor) diagnostics(diags []schema.Diagnostic) []schema.Diagnostic {
	out := make([]schema.Diagnostic, len(diags))
	for i, d := range diags {
		d.Path, d.Summary, d.Detail = r.redact(d.Path), r.redact(d.Summary), r.redact(d.Detail)
		out[i] = d
	}
	return out
}

// sensitiveValues lists the values of the schema's sensitive settings, found in
// the JSON object values.
func sensitiveValues(o schema.Object, values json.RawMessage) []string {
	var object map[string]json.RawMessage
	if json.Unmarshal(values, &object) != nil {
		return nil
	}
	var found []string
	for _, a := range o.Attributes {
		if a.Sensitive {
			found = append(found, stringsIn(object[a.Name])...)
		}
	}
	for _, b := range o.Blocks {
		bodies := []json.RawMessage{object[b.Name]}
		if b.Multiple {
			bodies = nil
			_ = json.Unmarshal(object[b.Name], &bodies) // not a list: nothing to find
		}
		for _, body := range bodies {
			found = append(found, sensitiveValues(b.Object, body)...)
		}
	}
	return found
}

// stringsIn lists the strings of a JSON string, list or object.
func stringsIn(value json.RawMessage) []string {
	var one string
	var list []string
	var object map[string]string
	switch {
	case json.Unmarshal(value, &one) == nil:
		return []string{one}
	case json.Unmarshal(value, &list) == nil:
		return list
	case json.Unmarshal(value, &object) == nil:
		for _, v := range object {
			list = append(list, v)
		}
	}
	return list
}
