package plugintest

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// clients is where the official JavaScript clients are installed, seen from a
// plugin's folder.
var clients = filepath.Join("..", "..", "cmd", "backplane", "testdata", "node")

// OfficialClient lets the service's official client for JavaScript talk to the
// fake at url: what that client takes from a fake is evidence that the fake is
// right, and what it sends shows whether the fake asks for too much. The script is
// clients/<name>.mjs, check one of the checks in it. The test is skipped where
// Node or the client is missing; scripts/test installs them.
func OfficialClient(t *testing.T, script, check, url string) {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("node is missing")
	}
	if _, err := os.Stat(filepath.Join(clients, "node_modules", ".package-lock.json")); err != nil {
		t.Skip("the official clients are not installed; scripts/test installs them")
	}
	cmd := exec.CommandContext(t.Context(), node, filepath.Join("clients", script+".mjs"), check, url)
	cmd.Dir = clients
	cmd.WaitDelay = 5 * time.Second
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%s, %s: %v\n%s", script, check, err, out)
	}
}

// ServeErrors starts a fake that answers below /N/ with failure N of
// testdata/errors.json; /cases has that file.
func ServeErrors(t testing.TB) string {
	t.Helper()
	data := Testdata(t, "errors.json")
	var cases []errorCase
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	return Serve(t, func(w http.ResponseWriter, r *http.Request) {
		first, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		switch i, err := strconv.Atoi(first); {
		case first == "cases":
			Write(w, http.StatusOK, "application/json", string(data))
		case err != nil || i >= len(cases):
			http.NotFound(w, r)
		default:
			cases[i].answer(w, r)
		}
	})
}

// WantsStream reports whether a request's JSON body asks for a stream. The
// request can be read again.
func WantsStream(body []byte) bool {
	var asked struct{ Stream bool }
	return json.Unmarshal(body, &asked) == nil && asked.Stream // not JSON asks for nothing
}
