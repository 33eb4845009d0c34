package providertest

import (
	"io"
	"os"
	"path/filepath"
	"testing"
)

// lendVariable names the file that makes [RunBinary] lend out the profile instead
// of running the cases: it puts up the profile's service, writes the profile to
// the file and waits until its standard input ends. So a check of a binary from
// elsewhere, such as `backplane conformance -profile FILE`, has the service that
// the provider's tests have.
const lendVariable = "PROVIDERTEST_LEND"

// lend puts up the profile's service for another process until there is nothing
// more to read.
func lend(t *testing.T, p Profile, file string, until io.Reader) {
	t.Helper()
	url := ""
	if p.Service != nil && !p.Service.none {
		f, err := startFake(*p.Service)
		if err != nil {
			t.Fatal(err)
		}
		defer f.close()
		url = f.url
	}
	data, err := writeProfile(p, url)
	if err != nil {
		t.Fatal(err)
	}
	// Whoever waits for the file finds it whole.
	part := filepath.Join(filepath.Dir(file), ".part-"+filepath.Base(file))
	if err := os.WriteFile(part, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(part, file); err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, until) // however it ends, nobody needs the service any more
}
