// Command pluginspage writes plugins/README.md from the manifests of the built
// plugins, so that the page cannot say what the plugins do not. scripts/plugins-page
// builds and runs it.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/backplane-dev/backplane/host"
	"github.com/backplane-dev/backplane/sdk/provider"
)

const head = `# The plugins

Each folder is one provider: its name in configurations, and the suffix of its binary backplane-provider-<name>. Each README has
the settings, the operations, how failures are classified, an endpoint block to copy, and what is peculiar. This page is made from
the plugins' manifests by scripts/plugins-page.

| provider | what it is | operations | key | address by default |
|---|---|---|---|---|
`

const tail = `
A name such as chat* can be streamed, one such as audio.speech^ carries bytes. To write another provider, begin with a copy of
[echo](echo) and read [the guide](../sdk/README.md). What each provider covers, and the test that shows it, is in
[CHECKLIST.md](CHECKLIST.md).
`

func main() {
	plugins := flag.String("plugins", "bin/plugins", "folder with the built plugins")
	page := flag.String("page", "plugins/README.md", "page to write")
	check := flag.Bool("check", false, "only say whether the page is current")
	flag.Parse()
	if err := run(*plugins, *page, *check); err != nil {
		fmt.Fprintln(os.Stderr, "pluginspage:", err)
		os.Exit(1)
	}
}

func run(plugins, page string, check bool) error {
	binaries, err := filepath.Glob(filepath.Join(plugins, "backplane-provider-*"))
	if err != nil || len(binaries) == 0 {
		return fmt.Errorf("no plugins in %s; run scripts/build", plugins)
	}
	var text bytes.Buffer
	text.WriteString(head)
	for _, binary := range binaries { // Glob sorts
		m, err := host.Describe(context.Background(), binary)
		if err != nil {
			return err
		}
		text.WriteString(row(m))
	}
	text.WriteString(tail)
	if !check {
		return os.WriteFile(page, text.Bytes(), 0o644) //nolint:gosec // a page for everybody to read
	}
	current, err := os.ReadFile(page) //nolint:gosec // named by the caller
	if err != nil {
		return err
	}
	if !bytes.Equal(current, text.Bytes()) {
		return fmt.Errorf("%s is not current; run scripts/plugins-page", page)
	}
	return nil
}

// row describes one plugin.
func row(m *provider.Manifest) string {
	operations := make([]string, len(m.Operations))
	for i, op := range m.Operations {
		operations[i] = op.Name + mark(op)
	}
	return fmt.Sprintf("| [%s](%s) | %s | %s | %s | %s |\n", m.Name, m.Name, m.Description, strings.Join(operations, ", "), key(m), address(m))
}

// mark shows the modes beside a plain call.
func mark(op provider.Operation) string {
	switch {
	case op.Has(provider.ModeStream):
		return `\*`
	case op.Has(provider.ModeTransfer):
		return "^"
	default:
		return ""
	}
}

func key(m *provider.Manifest) string {
	if len(m.Credential.Env) == 0 {
		return "none"
	}
	names := strings.Join(m.Credential.Env, ", ")
	if !m.Credential.Required {
		names += " (optional)"
	}
	return names
}

// address is the default of the setting that says where the service is.
func address(m *provider.Manifest) string {
	for _, a := range m.Settings.Attributes {
		if (a.Name == "base_url" || a.Name == "endpoint") && a.Default != nil {
			return fmt.Sprint(a.Default)
		}
	}
	return "none"
}
