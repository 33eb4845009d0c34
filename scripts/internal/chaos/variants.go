//go:build linux

package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// The ways in which a binary can be bad. A host must refuse each of them and run
// on with what it has.
const (
	badNoise    = "noise"    // prints, and never comes to the handshake
	badHang     = "hang"     // says nothing
	badExit     = "exit"     // ends at once
	badName     = "name"     // says that it is another provider
	badProtocol = "protocol" // speaks a version that does not exist
	badBytes    = "bytes"    // is no program
	badSum      = "sum"      // works, but is not the one that is pinned
)

var badKinds = []string{badNoise, badHang, badExit, badName, badProtocol, badBytes, badSum}

// behaviour is what a bad binary does when it is to serve.
var behaviour = map[string]string{
	badNoise:    `i=0; while [ $i -lt 200 ]; do echo "noise $i"; i=$((i+1)); done; exec sleep 60`,
	badHang:     `exec sleep 60`,
	badExit:     `echo "no, thank you" >&2; exit 7`,
	badName:     `exit 8`,
	badProtocol: `echo "1|99|unix|/nowhere|grpc|"; exec sleep 60`,
}

// reasons are what a host must say when it refuses them.
var reasons = map[string]string{
	badNoise:    "instead of a handshake",
	badHang:     "took longer than",
	badExit:     "exit status 7",
	badName:     "somebody-else",
	badProtocol: "incompatible API version",
	badBytes:    "program",
	badSum:      "the binary's sha256 is",
}

// overtaken is what it says instead if the running process dies at that moment.
const overtaken = "ended meanwhile"

// refusedRightly reports whether the host has seen what is bad.
func refusedRightly(how string, err error) bool {
	return err != nil && (strings.Contains(err.Error(), reasons[how]) || strings.Contains(err.Error(), overtaken))
}

// putGood puts a working binary in a provider's place, with bytes that were never
// there before, and pins it.
func (w *world) putGood(name string, number int) error {
	// What stands behind the end of an executable changes its hash and nothing else.
	if err := copyFile(w.built(name), w.plugin(name), fmt.Appendf(nil, "\nchaos %d\n", number)...); err != nil {
		return err
	}
	return w.pin(name)
}

// putBad puts a bad binary in a provider's place.
func (w *world) putBad(ctx context.Context, name, how string, number int) error {
	switch how {
	case badSum:
		return copyFile(w.built(name), w.plugin(name), fmt.Appendf(nil, "\nnot pinned %d\n", number)...)
	case badBytes:
		if err := writeProgram(w.plugin(name), strings.Repeat("noise ", 100)); err != nil {
			return err
		}
		return w.pin(name)
	}
	manifest, err := exec.CommandContext(ctx, w.built(name), "describe").Output()
	if err != nil {
		return fmt.Errorf("describe %s: %w", name, err)
	}
	text := string(manifest)
	if how == badName {
		text = strings.Replace(text, `"`+name+`"`, `"somebody-else"`, 1)
	}
	script := "#!/bin/sh\nif [ \"$1\" = describe ]; then cat <<'END'\n" + text + "\nEND\nexit 0; fi\n" + behaviour[how] + "\n"
	if err := writeProgram(w.plugin(name), script); err != nil {
		return err
	}
	return w.pin(name)
}

func writeProgram(path, text string) error {
	if err := os.WriteFile(path+".new", []byte(text), 0o700); err != nil { //nolint:gosec // it is to be executed
		return err
	}
	return os.Rename(path+".new", path)
}

func sumOf(path string) (string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:]), nil
}
