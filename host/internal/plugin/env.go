package plugin

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/backplane-dev/backplane/sdk/client"
)

// passedOn are the host's variables that every plugin gets. None of them holds
// a secret. What else a plugin needs from its environment (proxies, TLS roots,
// GOMEMLIMIT, GOMAXPROCS) the operator names in the provider block.
var passedOn = []string{"PATH", "TZ", "LANG", "LC_ALL"}

// logLevelEnv tells a plugin made with the SDK the least level worth logging.
const logLevelEnv = "BACKPLANE_LOG_LEVEL"

// environment is all that a plugin sees, less what go-plugin adds for the
// handshake: the host's variables in passedOn, a private TMPDIR, the host's log
// level, what follows from its limits, and then the operator's own, which win.
func environment(configured map[string]string, limits []string, tmp, logLevel string) []string {
	var env []string
	for _, name := range passedOn {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	env = append(env, "TMPDIR="+tmp, logLevelEnv+"="+logLevel)
	env = append(env, limits...)
	for _, name := range slices.Sorted(maps.Keys(configured)) {
		env = append(env, name+"="+configured[name])
	}
	return env
}

// checkEnv refuses variables that cannot be passed, or that are the handshake's.
func checkEnv(configured map[string]string) error {
	for name, value := range configured {
		switch {
		case name == "" || strings.ContainsAny(name, "=\x00") || strings.Contains(value, "\x00"):
			return fmt.Errorf("env: %q is not a valid environment variable", printable(name, 100))
		case strings.HasPrefix(name, "PLUGIN_") || name == client.LifelineEnv || name == client.Handshake.MagicCookieKey:
			return fmt.Errorf("env: %s belongs to the handshake between host and plugin: remove it", name)
		}
	}
	return nil
}
