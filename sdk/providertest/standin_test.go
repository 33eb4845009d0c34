package providertest

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// at starts a server of an author's and the kit's fake in front of it.
func at(t *testing.T, h http.HandlerFunc) *fake {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	service, err := ServiceAt(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	f, err := startFake(*service)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.close)
	return f
}

func TestAStandInGetsTheRequestAsItIs(t *testing.T) {
	t.Parallel()
	var host string
	f := at(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		host = r.Host
		w.Header().Set("X-Said", r.Header.Get("Content-Type"))
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, r.URL.RequestURI()+" "+string(body))
	})
	resp, err := post(t.Context(), t, f, "/a%2Fb%20c?d=%2F", "hello")
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(resp.Body)
	if resp.StatusCode != 201 || string(body) != "/a%2Fb%20c?d=%2F hello" || resp.Header.Get("X-Said") != "application/json" {
		t.Errorf("got %d %s %v", resp.StatusCode, body, resp.Header)
	}
	if "http://"+host != f.url {
		t.Errorf("the stand-in saw the host %s, the provider called %s", host, f.url)
	}
}

func TestAStandInsStreamIsCutAfterItsFirstEventHoweverItCame(t *testing.T) {
	t.Parallel()
	for kind, events := range map[string][]string{
		"text/event-stream; charset=utf-8": {"event: a\ndata: 1\n\n", "data: 2\n\n", "data: [DONE]\n\n"},
		"text/event-stream":                {"data: 1\r\n\r\n", "data: 2\r\n\r\n"},
		"application/x-ndjson":             {"{\"a\":1}\n", "{\"done\":true}\n"},
	} {
		f := at(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			_, _ = io.WriteString(w, strings.Join(events, "")) // all at once
		})
		for cut, want := range map[bool]string{true: events[0], false: strings.Join(events, "")} {
			f.script(nil)
			if cut {
				f.script(cutStream())
			}
			resp, err := post(t.Context(), t, f, "/", "")
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(resp.Body)
			if string(body) != want || errors.Is(err, io.ErrUnexpectedEOF) != cut {
				t.Errorf("%s, cut %t: got %q, %v", kind, cut, body, err)
			}
		}
	}
}

func TestAStandInMustBeThereAndHaveAPlainAddress(t *testing.T) {
	t.Parallel()
	nobody, err := deadURL()
	if err != nil {
		t.Fatal(err)
	}
	for address, want := range map[string]string{
		nobody: "start the server", "https://127.0.0.1:1": "must be http://host:port", "http://127.0.0.1:1/v1": "without a path", "http://%": "parse",
	} {
		if _, err := ServiceAt(address); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", address, err, want)
		}
	}
}

func TestAProfileThatIsLentOutIsTheSameOnTheOtherSide(t *testing.T) {
	t.Parallel()
	lent := Profile{
		Settings: object("a", 1), ProviderSettings: object("b", "<&>"), Model: "m", Slow: object("c", true), Silent: object("d", nil),
		Samples: []Sample{{Operation: "x", Mode: provider.ModeTransfer, Body: `{"p":"{{prompt}}"}`, Data: []byte{0, 255}, DataType: "t", Want: []string{"w"}}},
		Faults:  []Fault{{Name: "f", Settings: object("e", 1), Want: provider.Error{Code: provider.CodeRateLimit, StatusCode: 429, RetryAfter: 2 * time.Second}, Stream: true}},
		Panic:   &Sample{Operation: "y", Mode: provider.ModeCall, Body: `{}`},
		Service: &Service{
			Handler:  http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "well") }),
			Settings: func(url string) json.RawMessage { return object("base_url", url+"/v9") },
			Error: func(status int, message string) (string, string) {
				return "text/x", http.StatusText(status) + ": " + message
			},
			StreamError: "data: no\n\n", Translated: true, SettingsKey: "k",
			Usage: provider.Usage{Input: 1, Output: 2, Total: 3},
		},
	}
	file := filepath.Join(t.TempDir(), "profile.json")
	reader, writer := io.Pipe()
	ended := make(chan struct{})
	go func() { defer close(ended); lend(t, lent, file, reader) }()
	defer func() { _ = writer.Close(); <-ended }()
	data := awaitFile(t, file)
	got, err := ReadProfile(strings.NewReader(string(data)), "")
	if err != nil {
		t.Fatal(err)
	}
	checkLentService(t, got.Service)
	got.Service, lent.Service = nil, nil
	if !reflect.DeepEqual(compact(t, got), compact(t, lent)) {
		t.Errorf("got  %s\nwant %s", compact(t, got), compact(t, lent))
	}
}

func awaitFile(t *testing.T, name string) []byte {
	t.Helper()
	for range 1000 {
		if data, err := os.ReadFile(name); err == nil {
			return data
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatal("the profile was not written")
	return nil
}

func checkLentService(t *testing.T, s *Service) {
	t.Helper()
	if s == nil || s.StreamError != "data: no\n\n" || !s.Translated || s.SettingsKey != "k" || s.Usage.Output != 2 {
		t.Fatalf("got %+v", s)
	}
	if kind, body := s.Error(429, "wait"); kind != "text/x" || body != "Too Many Requests: wait" {
		t.Errorf("the error is %s, %s", kind, body)
	}
	if got := string(s.Settings("http://kit")); !strings.Contains(got, `"http://kit/v9"`) {
		t.Errorf("the settings are %s", got)
	}
	w := httptest.NewRecorder()
	s.Handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", http.NoBody))
	if w.Body.String() != "well" {
		t.Errorf("the healthy answer is %s", w.Body)
	}
}

// compact is a profile's JSON without its service.
func compact(t *testing.T, p Profile) string {
	t.Helper()
	data, err := writeProfile(p, "")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestAProfileThatIsWrongIsRefused(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"setings":{}}`: `unknown field "setings"`,
		`{"service":{}}`: "has no url",
		`{"faults":[{"name":"f","retry_after":"soon"}]}`: "retry_after",
		`{`: "EOF",
	} {
		if _, err := ReadProfile(strings.NewReader(text), ""); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
	}
	p, err := ReadProfile(strings.NewReader(`{"service":{"none":true}}`), "")
	if err != nil || p.Service != NoService {
		t.Errorf("got %+v, %v", p, err)
	}
}
