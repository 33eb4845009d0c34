package main

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"text/template"

	"github.com/backplane-dev/backplane/sdk/provider"
)

const providersNewUsage = `Write the Go module of a new provider, which builds and passes conformance.

Usage:
  backplane providers new NAME [-dir DIR] [-module PATH] [-backplane DIR]

NAME is the provider's name in configurations: lower-case letters, digits and
dashes. The service in the new provider is made up, for you to put yours in its
place; the README beside it says what to do next.

Example:
  $ backplane providers new acme -module example.com/acme/backplane-provider-acme
  wrote backplane-provider-acme: go.mod, main.go, provider.go, provider_test.go, README.md
  next: cd backplane-provider-acme && go mod tidy && go test ./...

Flags:
  -dir DIR        folder to write, new or empty; default backplane-provider-NAME
  -module PATH    path of the module; default example.com/backplane-provider-NAME
  -backplane DIR  build with the SDK in this checkout of Backplane instead of a
                  release; nothing needs to be fetched then

Nothing is written if anything is wrong.
`

//go:embed templates/provider
var providerTemplates embed.FS

// newModule is a provider's module before it is written. Templates see its
// exported fields.
type newModule struct {
	Name string
	Key  string // environment variable of the service's key

	dir, path, checkout string
}

func providersNewCommand() *command {
	return &command{name: "new", usage: providersNewUsage, setup: func(fs *flag.FlagSet) runFunc {
		var m newModule
		fs.StringVar(&m.dir, "dir", "", "folder")
		fs.StringVar(&m.path, "module", "", "path of the module")
		fs.StringVar(&m.checkout, "backplane", "", "a checkout of Backplane")
		return func(_ context.Context, std streams, args []string) error {
			if err := wantArgs(fs, args, "the NAME of the new provider"); err != nil {
				return err
			}
			if err := m.complete(args[0]); err != nil {
				return err
			}
			files, err := m.files()
			if err != nil {
				return err
			}
			if err := m.write(files); err != nil {
				return err
			}
			next := "go mod tidy && go test ./..."
			if m.checkout != "" {
				next = "go test ./..."
			}
			_, err = fmt.Fprintf(std.out, "wrote %s: go.mod, main.go, provider.go, provider_test.go, README.md\nnext: cd %s && %s\n", m.dir, m.dir, next)
			return err
		}
	}}
}

// modulePath is what a module may be called, simplified: go itself says the rest.
var modulePath = regexp.MustCompile(`^[A-Za-z0-9._~-]+(/[A-Za-z0-9._~-]+)*$`)

// complete fills in defaults and checks what was given.
func (m *newModule) complete(name string) error {
	sample := provider.Manifest{
		Name: name, Version: "0.1.0", Operations: []provider.Operation{{Name: provider.OpChat, Modes: []provider.Mode{provider.ModeCall}}},
	}
	if err := sample.Validate(); err != nil {
		return usagef("%w", err)
	}
	m.Name = name
	m.Key = strings.ToUpper(strings.ReplaceAll(name, "-", "_")) + "_API_KEY"
	if m.Key[0] >= '0' && m.Key[0] <= '9' { // no name of a variable in a shell
		m.Key = "KEY_" + m.Key
	}
	if m.dir == "" {
		m.dir = "backplane-provider-" + name
	}
	if m.path == "" {
		m.path = "example.com/backplane-provider-" + name
	}
	if !modulePath.MatchString(m.path) {
		return usagef("flag -module: %q is no path of a module; write one such as example.com/me/backplane-provider-%s", m.path, name)
	}
	return m.checkFolder()
}

// checkFolder refuses a folder in which something could be overwritten.
func (m *newModule) checkFolder() error {
	entries, err := os.ReadDir(m.dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("look into the folder: %w", err)
	case len(entries) > 0:
		return fmt.Errorf("the folder %s is not empty (it has %s): choose another with -dir", m.dir, entries[0].Name())
	}
	return nil
}

// files makes the contents of all files, by name.
func (m *newModule) files() (map[string][]byte, error) {
	files := make(map[string][]byte)
	templates, err := template.New("").Delims("<<", ">>").ParseFS(providerTemplates, "templates/provider/*.tmpl")
	if err != nil {
		return nil, err
	}
	for _, t := range templates.Templates() {
		name, ok := strings.CutSuffix(path.Base(t.Name()), ".tmpl")
		if !ok {
			continue // the nameless one that holds the others
		}
		if name == "gitignore" {
			name = ".gitignore"
		}
		var text bytes.Buffer
		if err := t.Execute(&text, m); err != nil {
			return nil, err
		}
		files[name] = text.Bytes()
	}
	if m.checkout == "" {
		files["go.mod"] = m.releaseModFile()
		return files, nil
	}
	return files, m.checkoutModFiles(files)
}

// write writes the files. A folder that was made for them is removed again if
// that fails.
func (m *newModule) write(files map[string][]byte) (err error) {
	_, missing := os.Stat(m.dir)
	if err := os.MkdirAll(m.dir, 0o755); err != nil {
		return fmt.Errorf("make the folder: %w", err)
	}
	defer func() {
		if err != nil && errors.Is(missing, fs.ErrNotExist) {
			err = errors.Join(err, os.RemoveAll(m.dir))
		}
	}()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(m.dir, name), text, 0o644); err != nil {
			return fmt.Errorf("write the module: %w", err)
		}
	}
	return nil
}
