package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/providertest"
	"github.com/backplane-dev/backplane/sdk/schema"
)

func TestConformance(t *testing.T) {
	providertest.Run(t, providertest.Harness{New: New, Profile: profile()})
}

func TestConformanceOfTheBinary(t *testing.T) {
	providertest.RunBinary(t, ".", profile())
}

func profile() providertest.Profile {
	return providertest.Profile{
		Slow:   json.RawMessage(`{"words_per_second":2}`),
		Silent: json.RawMessage(`{"latency":"10s"}`),
		Samples: []providertest.Sample{
			{Operation: provider.OpChat, Mode: provider.ModeCall,
				Body: `{"messages":[{"role":"user","content":"{{prompt}}"}],"x_new":{"n":12345678901234567890}}`,
				Want: []string{"{{prompt}}", `"x_new":{"n":12345678901234567890}`}},
			{Operation: provider.OpChat, Mode: provider.ModeStream,
				Body: `{"messages":[{"role":"user","content":"{{prompt}}"}],"stream":true}`,
				Want: []string{`"content":"hello"`, `"content":" kit"`}},
			{Operation: provider.OpCompletions, Mode: provider.ModeCall,
				Body: `{"prompt":"{{prompt}}"}`, Want: []string{"{{prompt}}"}},
			{Operation: provider.OpCompletions, Mode: provider.ModeStream,
				Body: `{"prompt":"{{prompt}}","stream":true}`, Want: []string{`"text":" kit"`}},
			{Operation: provider.OpEmbeddings, Mode: provider.ModeCall,
				Body: `{"input":"{{prompt}}"}`, Want: []string{`"embedding":[`}},
			{Operation: provider.OpModels, Mode: provider.ModeCall, Body: `{}`, Want: []string{`"id":"echo"`}},
		},
		Faults: []providertest.Fault{
			{Name: "rate-limit", Settings: json.RawMessage(`{"rate_limit_rate":1,"retry_after":"7s"}`),
				Want: provider.Error{Code: provider.CodeRateLimit, StatusCode: 429, RetryAfter: 7 * time.Second}},
			{Name: "upstream", Settings: json.RawMessage(`{"error_rate":1}`),
				Want: provider.Error{Code: provider.CodeUpstream, StatusCode: 500}},
			{Name: "mid-stream", Stream: true, Settings: json.RawMessage(`{"fail_after_words":2}`),
				Want: provider.Error{Code: provider.CodeUpstream, StatusCode: 500}},
		},
	}
}

func TestTheReadmeListsTheSettings(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	if want := schema.Markdown(settings); !strings.Contains(string(readme), want) {
		t.Errorf("README.md does not have this table of settings:\n%s", want)
	}
}
