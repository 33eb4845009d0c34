package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/sdk/provider"
)

func TestRequestsAreTranslated(t *testing.T) {
	t.Parallel()
	var cases []struct {
		Name    string
		Request json.RawMessage
		Want    json.RawMessage
	}
	if err := json.Unmarshal(testdata(t, "requests.json"), &cases); err != nil {
		t.Fatal(err)
	}
	s := newService(t, "")
	conn := open(t, s.url)
	for _, tt := range cases {
		t.Run(tt.Name, func(t *testing.T) {
			_, err := conn.Call(t.Context(), request(provider.OpChat, string(tt.Request)))
			if err != nil {
				t.Fatal(err)
			}
			got := <-s.requests
			sameJSON(t, string(got.body), string(tt.Want))
			if got.query != "" || !strings.HasSuffix(got.path, ":generateContent") {
				t.Errorf("sent to %s?%s", got.path, got.query)
			}
			if _, err := stream(t, conn, request(provider.OpChat, string(tt.Request))); err != nil {
				t.Fatal(err)
			}
			got = <-s.requests
			sameJSON(t, string(got.body), string(tt.Want))
			if got.query != "alt=sse" || !strings.HasSuffix(got.path, ":streamGenerateContent") {
				t.Errorf("sent to %s?%s", got.path, got.query)
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
	if err := json.Unmarshal(testdata(t, "refused.json"), &cases); err != nil {
		t.Fatal(err)
	}
	s := newService(t, "")
	conn := open(t, s.url)
	for _, tt := range cases {
		t.Run(tt.Name, func(t *testing.T) {
			_, callErr := conn.Call(t.Context(), request(provider.OpChat, string(tt.Request)))
			_, streamErr := stream(t, conn, request(provider.OpChat, string(tt.Request)))
			for _, err := range []error{callErr, streamErr} {
				e := wantError(t, err, provider.CodeInvalidRequest)
				if e.Param != tt.Param || e.Source != provider.SourceCaller || len(e.Message) < 10 {
					t.Errorf("got %+v, want param %s", e, tt.Param)
				}
			}
			if len(s.requests) > 0 {
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
