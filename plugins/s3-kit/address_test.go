package main

import (
	"net/http"
	"slices"
	"testing"

	"github.com/backplane-dev/backplane/plugins/internal/plugintest"
	"github.com/backplane-dev/backplane/sdk/provider"
)

func TestWhereRequestsGo(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		settings    plugintest.Settings
		bucket, key string
		want        string
	}{
		{plugintest.Settings{}, "photos", "a/b c", "https://photos.s3.us-east-1.amazonaws.com/a/b%20c"},
		{plugintest.Settings{"region": "eu-west-1", "path_style": true}, "photos", "k", "https://s3.eu-west-1.amazonaws.com/photos/k"},
		{plugintest.Settings{}, "my.photos", "k", "https://s3.us-east-1.amazonaws.com/my.photos/k"},
		{plugintest.Settings{"endpoint": "http://h:9000"}, "photos", "k", "http://h:9000/photos/k"},
		{plugintest.Settings{"endpoint": "http://h:9000/s3/"}, "photos", "k", "http://h:9000/s3/photos/k"},
		{plugintest.Settings{"endpoint": "https://h", "path_style": false}, "photos", "ä+", "https://photos.h/%C3%A4%2B"},
	} {
		tt.settings["access_key"], tt.settings["secret_key"] = testKey, testSecret
		conn := plugintest.Open(t, New(), tt.settings, "")
		got, _ := call[struct{ URL string }](t, conn, opPresign, `{"bucket":"`+tt.bucket+`","key":"`+tt.key+`"}`)
		if len(got.URL) < len(tt.want) || got.URL[:len(tt.want)+1] != tt.want+"?" {
			t.Errorf("%v: got %s, want %s", tt.settings, got.URL, tt.want)
		}
	}
}

func TestABucketInTheHostIsAskedForThere(t *testing.T) {
	t.Parallel()
	got := make(chan string, 1)
	// A proxy sees the whole address, so nobody has to resolve it.
	proxy := plugintest.Serve(t, func(_ http.ResponseWriter, r *http.Request) { got <- r.Method + " " + r.RequestURI + " " + r.Host })
	conn := open(t, "http://objects.example", plugintest.Settings{"path_style": false, "proxy": proxy})
	call[bucketAnswer](t, conn, opBucketHead, `{"bucket":"photos"}`)
	if got, want := <-got, "HEAD http://photos.objects.example/ photos.objects.example"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestWrongSettingsAreReported(t *testing.T) {
	t.Parallel()
	for path, settings := range map[string]plugintest.Settings{
		"endpoint":        {"endpoint": "minio.example.com"},
		"region":          {"region": "a b"},
		"access_key":      {"access_key": "a"},
		"secret_key":      {"secret_key": "s"},
		"session_token":   {"session_token": "t"},
		"proxy":           {"proxy": "x"},
		"ca_certificates": {"ca_certificates": "x"},
		"part_size":       {"part_size": "1MiB"},
	} {
		_, diags := plugintest.TryOpen(t, New(), settings, "")
		if !slices.ContainsFunc(diags, func(d diagnostic) bool { return d.Path == path }) {
			t.Errorf("%s: got %+v", path, diags)
		}
	}
	if _, diags := plugintest.TryOpen(t, New(), nil, "a-key"); len(diags) != 1 || diags[0].Path != "api_key" {
		t.Errorf("got %+v", diags)
	}
}

func TestOnlyAKeyThatIsRefusedFailsTheTest(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]provider.Code{"AccessDenied": "", "SignatureDoesNotMatch": provider.CodeAuth, "InternalError": provider.CodeUpstream} {
		conn := open(t, plugintest.Serve(t, func(w http.ResponseWriter, _ *http.Request) { refuse(w, 403, code, "m") }))
		err := conn.TestEndpoint(t.Context(), plugintest.Request("", ""))
		if want == "" && err != nil {
			t.Error(err)
		} else if want != "" {
			plugintest.WantError(t, err, want)
		}
	}
}
