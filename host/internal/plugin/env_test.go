package plugin

import (
	"slices"
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/sdk"
)

func TestTheEnvironmentIsAnExplicitList(t *testing.T) {
	if logLevelEnv != sdk.LogLevelEnv {
		t.Errorf("the SDK reads %s", sdk.LogLevelEnv)
	}
	t.Setenv("PATH", "/bin")
	t.Setenv("TZ", "UTC")
	t.Setenv("BACKPLANE_TEST_SECRET", "leaked")
	t.Setenv("HTTPS_PROXY", "http://user:password@proxy")
	got := environment(map[string]string{"GOMEMLIMIT": "1GiB", "TZ": "Europe/Oslo"}, nil, "/private", "warn")
	slices.Sort(got)
	got = slices.DeleteFunc(got, func(s string) bool { return strings.HasPrefix(s, "LANG=") || strings.HasPrefix(s, "LC_ALL=") })
	want := []string{"BACKPLANE_LOG_LEVEL=warn", "GOMEMLIMIT=1GiB", "PATH=/bin", "TMPDIR=/private", "TZ=Europe/Oslo", "TZ=UTC"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTheConfiguredEnvironmentIsChecked(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"":                      "not a valid",
		"A=B":                   "not a valid",
		"A\x00":                 "not a valid",
		"PLUGIN_CLIENT_CERT":    "belongs to the handshake",
		"BACKPLANE_PLUGIN":      "belongs to the handshake",
		"BACKPLANE_LIFELINE_FD": "belongs to the handshake",
	} {
		wantError(t, checkEnv(map[string]string{name: "x"}), want)
	}
	wantError(t, checkEnv(map[string]string{"A": "\x00"}), "not a valid")
	if err := checkEnv(map[string]string{"HTTPS_PROXY": "http://proxy"}); err != nil {
		t.Error(err)
	}
}
