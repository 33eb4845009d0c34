package sdk

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/backplane-dev/backplane/sdk/internal/wire"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// describe returns the provider's manifest, completed and checked.
func describe(p provider.Provider) (m provider.Manifest, err error) {
	defer func() {
		if value := recover(); value != nil {
			err = fmt.Errorf("Describe panicked: %v", value)
		}
	}()
	m = wire.Manifest(p)
	return m, m.Validate()
}

func (p *program) writeManifest(m provider.Manifest) int {
	data, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return p.fail("encode the manifest: %v", err)
	}
	return p.write(p.stdout, string(data)+"\n")
}

// usage is the help of a plugin binary.
func usage(m provider.Manifest, binary string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "backplane-provider-%s %s", m.Name, m.Version)
	if m.Description != "" {
		fmt.Fprintf(&b, ": %s", strings.TrimSuffix(m.Description, "."))
	}
	fmt.Fprintf(&b, `.

This program is a Backplane provider plugin. The host starts it; it does nothing
by itself. Put it into the host's plugin directory and name it in the host's
configuration:

%s
Usage:
  %s describe   print the manifest as JSON
  %s version    print name and version
  %s help       print this text
  %s -debug     serve for a debugger and print how to attach

To check it against the contract: backplane conformance %s

Operations:
%s`, configSnippet(m), binary, binary, binary, binary, binary, operationList(m))
	return b.String()
}

func configSnippet(m provider.Manifest) string {
	var b strings.Builder
	fmt.Fprintf(&b, "  provider %q {}\n\n  endpoint \"my-%s\" {\n    provider = %q\n", m.Name, m.Name, m.Name)
	if m.Models.Default != "" {
		fmt.Fprintf(&b, "    model    = %q\n", m.Models.Default)
	}
	if len(m.Credential.Env) > 0 {
		fmt.Fprintf(&b, "    api_key  = env(%q)\n", m.Credential.Env[0])
	}
	b.WriteString("  }\n")
	return b.String()
}

func operationList(m provider.Manifest) string {
	var b strings.Builder
	for _, op := range m.Operations {
		modes := make([]string, len(op.Modes))
		for i, mode := range op.Modes {
			modes[i] = string(mode)
		}
		fmt.Fprintf(&b, "  %s (%s)", op.Name, strings.Join(modes, ", "))
		if op.Description != "" {
			fmt.Fprintf(&b, ": %s", op.Description)
		}
		b.WriteString("\n")
	}
	return b.String()
}
