package host_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/backplane-dev/backplane/host"
)

// store is a fake S3 service of one name, which can be down: then it answers 503.
type store struct {
	mu      sync.Mutex
	objects map[string]string
	down    bool
	asked   int
}

func (s *store) serve(w http.ResponseWriter, r *http.Request) {
	data, err := io.ReadAll(r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	object, there := s.objects[r.URL.Path]
	switch {
	case err != nil:
	case s.down:
		w.WriteHeader(http.StatusServiceUnavailable)
	case r.Method == http.MethodPut:
		s.objects[r.URL.Path] = string(data)
		w.Header().Set("ETag", `"t"`)
	case r.Method == http.MethodDelete:
		delete(s.objects, r.URL.Path)
		w.WriteHeader(http.StatusNoContent)
	case r.URL.Query().Has("list-type"):
		_, _ = io.WriteString(w, "<ListBucketResult><Name>photos</Name></ListBucketResult>")
	case !there:
		w.WriteHeader(http.StatusNotFound)
	default:
		w.Header().Set("Content-Length", fmt.Sprint(len(object)))
		_, _ = io.WriteString(w, object)
	}
}

func (s *store) set(down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down, s.asked = down, 0
}

func (s *store) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

// mirrors runs a host with a route over two stores that hold the same object.
func mirrors(t *testing.T, rule string) (h *host.Host, a, b *store) {
	t.Helper()
	const endpoint = `
endpoint %q {
  provider = "s3-kit"
  retry { max = 0 }
  settings {
    endpoint   = %q
    access_key = "a"
    secret_key = "s"
  }
}
`
	a, b = &store{objects: map[string]string{"/photos/x": "bytes"}}, &store{objects: map[string]string{"/photos/x": "bytes"}}
	h = start(t, `provider "s3-kit" {}`+fmt.Sprintf(endpoint, "north", fakeService(t, a.serve))+fmt.Sprintf(endpoint, "south", fakeService(t, b.serve))+
		"provider \"echo\" {}\nendpoint \"talk\" { provider = \"echo\" }\n"+
		"route \"mixed\" {\n  endpoints = [\"talk\", \"north\"]\n}\nroute \"files\" {\n  endpoints = [\"north\", \"south\"]\n"+rule+"\n}\n")
	return h, a, b
}

// object sends a request about an object, or another path below an endpoint.
func object(t *testing.T, h *host.Host, method, path string, body io.Reader) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+h.Addr()+"/v1/endpoints/"+path, body)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(data)
}

func TestObjectsOfARouteAreSpreadOverItsEndpoints(t *testing.T) {
	t.Parallel()
	h, a, b := mirrors(t, `balance = "weighted"`)
	for range 20 {
		if resp, data := object(t, h, "GET", "files/objects/photos/x", nil); resp.StatusCode != 200 || data != "bytes" {
			t.Fatalf("got %d %s", resp.StatusCode, data)
		}
	}
	if north, south := a.count(), b.count(); north == 0 || south == 0 || north+south != 20 {
		t.Errorf("one service was asked %d times, the other %d times", north, south)
	}
}

func TestObjectsOfARouteComeFromTheServiceThatIsUp(t *testing.T) {
	t.Parallel()
	h, a, b := mirrors(t, "")
	a.set(true)
	for _, tt := range []struct {
		method, path, body string
		status             int
	}{
		{"GET", "files/objects/photos/x", "", 200},
		{"HEAD", "files/objects/photos/x", "", 200},
		{"GET", "files/objects/photos", "", 200},
		{"POST", "files/object.list", `{"bucket":"photos"}`, 200},
		{"PUT", "files/objects/photos/y", "short", 200}, // whole in memory: it can be sent again
		{"DELETE", "files/objects/photos/y", "", 204},
	} {
		resp, data := object(t, h, tt.method, tt.path, strings.NewReader(tt.body))
		if got := resp.Header.Get("X-Backplane-Tries"); resp.StatusCode != tt.status || got != "north;upstream, south;ok" {
			t.Errorf("%s %s: got %d by %q: %s", tt.method, tt.path, resp.StatusCode, got, data)
		}
	}
	b.set(false)
	// An upload of unknown length is passed on while it arrives: what was read of it
	// is gone, and cannot be sent to the other service.
	resp, data := object(t, h, "PUT", "files/objects/photos/z", io.MultiReader(strings.NewReader("long"), strings.NewReader("er")))
	if resp.StatusCode != 502 || b.count() != 0 {
		t.Errorf("got %d, the other service was asked %d times: %s", resp.StatusCode, b.count(), data)
	}
}

func TestARouteOffersWhatItsEndpointsDo(t *testing.T) {
	t.Parallel()
	h, _, _ := mirrors(t, "")
	for path, want := range map[string]string{
		"files": `"object.put"`, "mixed": `"chat"`, "mixed/": `"object.get"`,
	} {
		if resp, data := object(t, h, "GET", path, nil); resp.StatusCode != 200 || strings.Count(data, `{"name":`+want) != 1 {
			t.Errorf("%s: got %d %s", path, resp.StatusCode, data)
		}
	}
	// The endpoint that comes first has no objects, and the other one no chat.
	if resp, data := object(t, h, "GET", "mixed/objects/photos/x", nil); resp.StatusCode != 200 || data != "bytes" {
		t.Errorf("got %d %s", resp.StatusCode, data)
	}
	if resp, data := object(t, h, "POST", "mixed/chat", strings.NewReader(`{"messages":[{"role":"user","content":"hi"}]}`)); resp.StatusCode != 200 {
		t.Errorf("got %d %s", resp.StatusCode, data)
	}
}

func TestANameThatIsNeitherEndpointNorRouteIsAnsweredWithBoth(t *testing.T) {
	t.Parallel()
	h, _, _ := mirrors(t, "")
	for _, path := range []string{"elsewhere", "elsewhere/objects/photos/x", "elsewhere/objects/photos"} {
		resp, data := object(t, h, "GET", path, nil)
		if resp.StatusCode != 404 || !strings.Contains(data, "files, mixed, north, south, talk") {
			t.Errorf("%s: got %d %s", path, resp.StatusCode, data)
		}
	}
}
