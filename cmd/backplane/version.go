package main

import (
	"context"
	"flag"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
)

const versionUsage = `Print the version.

Usage:
  backplane version [-json]

Example:
  $ backplane version
  backplane 0.1.0-dev (commit 1f2e3d4c5b6a, go1.26.8, linux/amd64, plugin protocol 1)

Flags:
  -json  print JSON
`

// version is the release that this tree becomes. A binary installed from a
// tagged module says the tag instead.
const version = "0.1.0-dev"

// pluginProtocol is the major version of backplane.provider that the host
// speaks.
const pluginProtocol = 1

// versionInfo is what `version -json` prints.
type versionInfo struct {
	Version  string `json:"version"`
	Commit   string `json:"commit,omitempty"`
	Modified bool   `json:"modified,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
	Protocol int    `json:"protocol"`
}

func versionCommand() *command {
	return &command{name: "version", usage: versionUsage, setup: func(fs *flag.FlagSet) runFunc {
		asJSON := jsonFlag(fs)
		return func(_ context.Context, std streams, args []string) error {
			if err := wantArgs(fs, args); err != nil {
				return err
			}
			v := readVersion()
			if *asJSON {
				return printJSON(std.out, v)
			}
			commit := ""
			if v.Commit != "" {
				commit = "commit " + v.Commit[:min(12, len(v.Commit))]
				if v.Modified {
					commit += " with changes"
				}
				commit += ", "
			}
			_, err := fmt.Fprintf(std.out, "backplane %s (%s%s, %s, plugin protocol %d)\n",
				v.Version, commit, v.Go, v.Platform, v.Protocol)
			return err
		}
	}}
}

// readVersion collects what the Go linker stored in the binary.
func readVersion() versionInfo {
	v := versionInfo{
		Version:  version,
		Go:       runtime.Version(),
		Platform: runtime.GOOS + "/" + runtime.GOARCH,
		Protocol: pluginProtocol,
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	// Builds from a work tree say "(devel)" or a pseudo version (v0.0.0-date-commit),
	// which is less than what we know.
	if tag := info.Main.Version; strings.HasPrefix(tag, "v") && !strings.HasPrefix(tag, "v0.0.0-") {
		v.Version = strings.TrimPrefix(tag, "v")
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Commit = s.Value
		case "vcs.modified":
			v.Modified = s.Value == "true"
		}
	}
	return v
}
