package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// backplaneModule is this repository's.
const backplaneModule = "github.com/backplane-dev/backplane"

// releaseModFile requires the release that this command is of. A build from a work
// tree is of none; `go mod tidy` then takes the latest.
func (m *newModule) releaseModFile() []byte {
	text := fmt.Sprintf("module %s\n\ngo %s\n", m.path, goVersion)
	if v := readVersion().Version; !strings.Contains(v, "-") {
		text += fmt.Sprintf("\nrequire %s v%s\n", backplaneModule, v)
	}
	return []byte(text)
}

// goVersion is the version of Go that the SDK needs.
const goVersion = "1.26.0"

// requireLine is a line of a require block of a go.mod file.
var requireLine = regexp.MustCompile(`(?m)^(?:require )?\s*([a-z0-9.-]+\.[a-z]+/\S+ v\S+)(?: // indirect)?$`)

// checkoutModFiles makes go.mod and go.sum for the SDK in a checkout. They take
// the checkout's own versions, which are on the machine of whoever has built it.
func (m *newModule) checkoutModFiles(files map[string][]byte) error {
	checkout, err := filepath.Abs(m.checkout)
	if err != nil {
		return err
	}
	mod, err := os.ReadFile(filepath.Join(checkout, "go.mod"))
	if errors.Is(err, fs.ErrNotExist) || err == nil && !strings.HasPrefix(string(mod), "module "+backplaneModule+"\n") {
		return usagef("flag -backplane: %s is no checkout of %s", m.checkout, backplaneModule)
	}
	if err != nil {
		return err
	}
	if files["go.sum"], err = os.ReadFile(filepath.Join(checkout, "go.sum")); err != nil {
		return err
	}
	var text strings.Builder
	_, _ = fmt.Fprintf(&text, "module %s\n\ngo %s\n\nrequire %s v0.0.0\n\n", m.path, goVersion, backplaneModule)
	_, _ = fmt.Fprintf(&text, "replace %s => %s\n\nrequire (\n", backplaneModule, checkout)
	for _, line := range requireLine.FindAllStringSubmatch(string(mod), -1) {
		_, _ = fmt.Fprintf(&text, "\t%s // indirect\n", line[1])
	}
	text.WriteString(")\n")
	files["go.mod"] = []byte(text.String())
	return nil
}
