// Package lockfile pins the binaries of plugins: which version of each provider
// runs, and the SHA-256 of its binary for each platform. The host refuses a
// provider whose bytes are others.
//
// The file stands beside the configuration and belongs into version control:
//
//	provider "openai" {
//	  version  = "1.2.0"
//	  protocol = 1
//	  sha256 = {
//	    linux_amd64  = "9f86d0…"
//	    darwin_arm64 = "60303a…"
//	  }
//	}
package lockfile

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/gohcl"
	"github.com/hashicorp/hcl/v2/hclparse"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"
)

// Name is the file's name beside the configuration.
const Name = "backplane.lock.hcl"

// File is the content of a lock file.
type File struct {
	// Path is where it was read, "" for a new one.
	Path string
	// Providers by name.
	Providers map[string]Entry
}

// Entry pins one provider.
type Entry struct {
	// Version as the plugin's manifest has it, Protocol the major version of the
	// wire that it speaks.
	Version  string
	Protocol int
	// SHA256 of the binary in hexadecimal, by platform; see [Platform].
	SHA256 map[string]string
}

// Platform names the platform that this program runs on: "linux_amd64".
func Platform() string { return runtime.GOOS + "_" + runtime.GOARCH }

type fileBody struct {
	Providers []providerBody `hcl:"provider,block"`
}

type providerBody struct {
	Name     string            `hcl:"name,label"`
	Version  string            `hcl:"version"`
	Protocol int               `hcl:"protocol"`
	SHA256   map[string]string `hcl:"sha256"`
}

// Read reads a lock file. An absent one is an error that wraps fs.ErrNotExist;
// mistakes come with their lines.
func Read(path string) (*File, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the lock file: %w", err)
	}
	parser := hclparse.NewParser()
	parsed, diags := parser.ParseHCL(text, path)
	var body fileBody
	if !diags.HasErrors() {
		diags = gohcl.DecodeBody(parsed.Body, nil, &body)
	}
	if diags.HasErrors() {
		return nil, broken(parser, diags)
	}
	f := &File{Path: path, Providers: make(map[string]Entry, len(body.Providers))}
	for _, p := range body.Providers {
		if _, twice := f.Providers[p.Name]; twice {
			return nil, fmt.Errorf("lock file %s: provider %q is in it twice; make it anew with: backplane providers lock", path, p.Name)
		}
		for platform, sum := range p.SHA256 {
			if !isSum.MatchString(sum) {
				return nil, fmt.Errorf("lock file %s: provider %q: the sha256 of %s is not 64 hexadecimal digits; make it anew with: backplane providers lock", path, p.Name, platform)
			}
		}
		f.Providers[p.Name] = Entry{Version: p.Version, Protocol: p.Protocol, SHA256: p.SHA256}
	}
	return f, nil
}

var isSum = regexp.MustCompile(`^[0-9a-f]{64}$`)

// broken makes one error of all mistakes, with the lines that they are in.
func broken(parser *hclparse.Parser, diags hcl.Diagnostics) error {
	var text bytes.Buffer
	if err := hcl.NewDiagnosticTextWriter(&text, parser.Files(), 100, false).WriteDiagnostics(diags); err != nil {
		return diags
	}
	return fmt.Errorf("the lock file is broken; mend it, or delete it and make it anew with: backplane providers lock\n%s", bytes.TrimSpace(text.Bytes()))
}

// Lock pins a provider's binary on this platform. Sums of other platforms are
// kept if they are of the same version.
func (f *File) Lock(name, version string, protocol int, sha256 string) {
	sums := map[string]string{}
	if old, ok := f.Providers[name]; ok && old.Version == version {
		sums = maps.Clone(old.SHA256)
	}
	sums[Platform()] = sha256
	if f.Providers == nil {
		f.Providers = make(map[string]Entry)
	}
	f.Providers[name] = Entry{Version: version, Protocol: protocol, SHA256: sums}
}

// Check reports whether the binary with this hash is the one that is pinned. The
// error has both sums and says what to do.
func (f *File) Check(name, sha256 string) error {
	const way = "if the binary is the one that you want, run: backplane providers lock"
	entry, ok := f.Providers[name]
	if !ok {
		return fmt.Errorf("the provider is not in %s; %s", f.Path, way)
	}
	want, ok := entry.SHA256[Platform()]
	switch {
	case !ok:
		return fmt.Errorf("%s has no sha256 of the provider for %s, only for %s; %s",
			f.Path, Platform(), slices.Sorted(maps.Keys(entry.SHA256)), way)
	case want != sha256:
		return fmt.Errorf("the binary's sha256 is %s, but %s pins version %s with %s; put that binary back, or %s",
			sha256, f.Path, entry.Version, want, way)
	}
	return nil
}

// Write writes the file to path, as a whole or not at all.
func (f *File) Write(path string) error {
	out := hclwrite.NewEmptyFile()
	body := out.Body()
	body.AppendUnstructuredTokens(comment("# Written by: backplane providers lock"))
	body.AppendUnstructuredTokens(comment("# Keep it in version control. The host runs no other binaries than these."))
	for _, name := range slices.Sorted(maps.Keys(f.Providers)) {
		entry := f.Providers[name]
		body.AppendNewline()
		block := body.AppendNewBlock("provider", []string{name}).Body()
		block.SetAttributeValue("version", cty.StringVal(entry.Version))
		block.SetAttributeValue("protocol", cty.NumberIntVal(int64(entry.Protocol)))
		sums := make(map[string]cty.Value, len(entry.SHA256))
		for platform, sum := range entry.SHA256 {
			sums[platform] = cty.StringVal(sum)
		}
		block.SetAttributeValue("sha256", cty.ObjectVal(sums))
	}
	return replace(path, "lock file", hclwrite.Format(out.Bytes()))
}

func comment(text string) hclwrite.Tokens {
	return hclwrite.TokensForIdentifier(text + "\n")
}

// replace writes a file beside its final place and moves it there. what is for
// errors.
func replace(path, what string, text []byte) error {
	draft, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("write the %s: %w", what, err)
	}
	_, err = draft.Write(text)
	if closeErr := draft.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Chmod(draft.Name(), 0o644)
	}
	if err == nil {
		err = os.Rename(draft.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("write the %s: %w", what, errors.Join(err, remove(draft.Name())))
	}
	return nil
}

func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
