package main

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/providertest"
)

func TestConformance(t *testing.T) {
	providertest.Run(t, providertest.Harness{
		New: func() provider.Provider { return hello{} },
		Profile: providertest.Profile{
			Service: &providertest.Service{
				Handler:    http.HandlerFunc(speak),
				Settings:   func(url string) json.RawMessage { return json.RawMessage(`{"base_url":"` + url + `/v1"}`) },
				Translated: true,
			},
			Samples: []providertest.Sample{{
				Operation: provider.OpChat, Mode: provider.ModeCall,
				Body: `{"model":"{{model}}","messages":[{"role":"user","content":"{{prompt}}"}]}`,
				Want: []string{`"content":"user: {{prompt}}"`},
			}},
		},
	})
}

// speak is the Hello service: it says the lines back.
func speak(w http.ResponseWriter, r *http.Request) {
	var question struct{ Lines []string }
	if err := json.NewDecoder(r.Body).Decode(&question); err != nil || r.URL.Path != "/v1/speak" {
		http.Error(w, "no such thing", http.StatusNotFound)
		return
	}
	said, _ := json.Marshal(strings.Join(question.Lines, "\n")) // a string always encodes
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, `{"said":`+string(said)+`}`) // a failure is seen by the reader
}
