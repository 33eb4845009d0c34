package main

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/providertest"
)

func TestConformance(t *testing.T) {
	providertest.Run(t, providertest.Harness{New: New, Profile: profile()})
}

func TestConformanceOfTheBinary(t *testing.T) {
	providertest.RunBinary(t, ".", profile())
}

// profile says how the service speaks, for the kit that stands in for it.
func profile() providertest.Profile {
	const raw = `{"contents":[{"role":"user","parts":[{"text":"{{prompt}}"}]}]}`
	const conversation = `"messages":[{"role":"user","content":"{{prompt}}"}]`
	return providertest.Profile{
		Service: &providertest.Service{
			Handler: http.HandlerFunc(healthy),
			Error: func(status int, message string) (contentType, body string) {
				return "application/json", fmt.Sprintf(`{"error":{"code":%d,"message":%q,"status":%q}}`, status, message, words[status])
			},
			StreamError: "data: {\"error\":{\"code\":500,\"message\":\"an internal error has occurred\",\"status\":\"INTERNAL\"}}\r\n\r\n",
			Translated:  true,
			Usage:       provider.Usage{Input: 3, Output: 2, Total: 5},
		},
		Samples: []providertest.Sample{
			{Operation: provider.OpChat, Mode: provider.ModeCall, Body: `{"model":"{{model}}",` + conversation + `}`, Want: []string{`"content":"{{prompt}}"`}},
			{Operation: provider.OpChat, Mode: provider.ModeStream, Body: `{"model":"{{model}}",` + conversation + `,"stream":true}`},
			{Operation: opGenerate, Mode: provider.ModeCall, Body: raw, Want: []string{`"text":"{{prompt}}"`}},
			{Operation: opGenerate, Mode: provider.ModeStream, Body: raw, Want: []string{`"finishReason":"STOP"`}},
			{Operation: opTokens, Mode: provider.ModeCall, Body: raw, Want: []string{`"input_tokens":7`}},
			{Operation: provider.OpModels, Mode: provider.ModeCall, Body: `{}`, Want: []string{`"id":"gemini-2.5-flash"`}},
		},
	}
}

// words are the service's for the statuses that the kit makes.
var words = map[int]string{
	400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND",
	429: "RESOURCE_EXHAUSTED", 500: "INTERNAL", 503: "UNAVAILABLE", 504: "DEADLINE_EXCEEDED",
}
