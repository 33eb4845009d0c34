package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/plugins/internal/plugintest"
	"github.com/backplane-dev/backplane/sdk/provider"
)

func TestRequestsAreTranslated(t *testing.T) {
	t.Parallel()
	var cases []struct {
		Name    string
		Request json.RawMessage
		Want    json.RawMessage
	}
	if err := json.Unmarshal(plugintest.Testdata(t, "requests.json"), &cases); err != nil {
		t.Fatal(err)
	}
	s := newService(t, "")
	conn := open(t, s.URL)
	for _, tt := range cases {
		t.Run(tt.Name, func(t *testing.T) {
			_, err := conn.Call(t.Context(), plugintest.Request(provider.OpChat, string(tt.Request)))
			if err != nil {
				t.Fatal(err)
			}
			got := <-s.Requests
			sameJSON(t, got.Body, string(tt.Want))
			if got.URL.RawQuery != "" || !strings.HasSuffix(got.URL.Path, ":generateContent") {
				t.Errorf("sent to %s?%s", got.URL.Path, got.URL.RawQuery)
			}
			if _, err := plugintest.Stream(t, conn, plugintest.Request(provider.OpChat, string(tt.Request))); err != nil {
				t.Fatal(err)
			}
			got = <-s.Requests
			sameJSON(t, got.Body, string(tt.Want))
			if got.URL.RawQuery != "alt=sse" || !strings.HasSuffix(got.URL.Path, ":streamGenerateContent") {
				t.Errorf("sent to %s?%s", got.URL.Path, got.URL.RawQuery)
			}
		})
	}
}

func TestWhatTheServiceCannotDoIsRefusedByName(t *testing.T) {
	t.Parallel()
	var cases []struct {
		Name    string
		Param   string
		Request json.RawMessage
	}
	if err := json.Unmarshal(plugintest.Testdata(t, "refused.json"), &cases); err != nil {
		t.Fatal(err)
	}
	s := newService(t, "")
	conn := open(t, s.URL)
	for _, tt := range cases {
		t.Run(tt.Name, func(t *testing.T) {
			_, callErr := conn.Call(t.Context(), plugintest.Request(provider.OpChat, string(tt.Request)))
			_, streamErr := plugintest.Stream(t, conn, plugintest.Request(provider.OpChat, string(tt.Request)))
			for _, err := range []error{callErr, streamErr} {
				e := plugintest.WantError(t, err, provider.CodeInvalidRequest)
				if e.Param != tt.Param || e.Source != provider.SourceCaller || len(e.Message) < 10 {
					t.Errorf("got %+v, want param %s", e, tt.Param)
				}
			}
			if len(s.Requests) > 0 {
				t.Error("the service was asked all the same")
			}
		})
	}
}

func TestTheOrderOfAnAnswersPropertiesIsTheSchemasOwn(t *testing.T) {
	t.Parallel()
	var names orderedNames
	if err := json.Unmarshal([]byte(`{"z":{"a":[1]},"b":1,"z":2,"a":"x"}`), &names); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(names, " "); got != "z b a" {
		t.Errorf("got %s", got)
	}
}
