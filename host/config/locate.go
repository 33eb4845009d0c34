package config

import (
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/backplane-dev/backplane/sdk/schema"
)

// EndpointDiagnostics places diagnostics about an endpoint's settings, which
// its plugin returned when it opened the endpoint, at their lines in the file.
// Paths are those of the plugin: "base_url", "tls.ca_file". A path that is not
// in the file leads to the block around it; an endpoint that is not in the file
// gives diagnostics without a place. Sensitive values are cut out of the texts.
func (f *File) EndpointDiagnostics(id string, diags []schema.Diagnostic) Diagnostics {
	return f.place(f.endpoints, id, diags)
}

// ProviderDiagnostics is EndpointDiagnostics for the settings of a provider's
// process.
func (f *File) ProviderDiagnostics(name string, diags []schema.Diagnostic) Diagnostics {
	return f.place(f.providers, name, diags)
}

func (f *File) place(sections []*section, label string, diags []schema.Diagnostic) Diagnostics {
	var out Diagnostics
	for _, d := range diags {
		out = append(out, f.render(f.problemOf(sections, label, d)))
	}
	return out.sorted()
}

func (f *File) problemOf(sections []*section, label string, d schema.Diagnostic) problem {
	p := problem{warning: d.Warning, path: d.Path, summary: d.Summary, detail: d.Detail}
	for _, s := range sections {
		if s.label != label {
			continue
		}
		p.section, p.path = s, settingsPath(s, d.Path)
		p.rng = f.rangeOf(s, p.path)
	}
	return p
}

// settingsPath leads from the block: a plugin names its settings without the
// block around them, and the model and the key without any.
func settingsPath(s *section, path string) string {
	if _, ok := s.places[path]; ok && (path == "model" || path == "api_key") {
		return path
	}
	return strings.TrimSuffix(join(settingsBlock, path), ".")
}

func (f *File) rangeOf(s *section, path string) hcl.Range {
	if t := f.resolved[s.title]; t != nil {
		if at, _ := t.locate(path); at != (place{s.header, s.header}) {
			return at.value
		}
	}
	at, _ := s.locate(path)
	return at.value
}
