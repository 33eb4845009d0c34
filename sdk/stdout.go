package sdk

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/backplane-dev/backplane/sdk/client"
)

// processStdout is the process's real standard output. The host reads exactly
// one line there, or the manifest; anything else would break the start. In a
// plugin os.Stdout is therefore standard error from the moment this package is
// initialised, so that a print in the author's own initialisation is harmless too.
var processStdout = takeStdout(os.Args, os.Getenv(client.Handshake.MagicCookieKey))

func takeStdout(args []string, cookie string) *os.File {
	stdout := os.Stdout
	describing := len(args) == 2 && args[1] == "describe" &&
		strings.HasPrefix(filepath.Base(args[0]), "backplane-provider-")
	if describing || cookie == client.Handshake.MagicCookieValue {
		os.Stdout = os.Stderr
	}
	return stdout
}
