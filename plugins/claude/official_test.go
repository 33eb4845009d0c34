package main

import (
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/plugins/internal/plugintest"
)

func TestTheOfficialClientTakesTheFakesAnswers(t *testing.T) {
	t.Parallel()
	for check, answer := range map[string]string{
		"message": "message", "tools": "tools", "foreign": "foreign", "counts": "message", "models": "message",
	} {
		t.Run(check, func(t *testing.T) {
			t.Parallel()
			plugintest.OfficialClient(t, "claude", check, newPlatform(t, answer).URL)
		})
	}
}

func TestTheOfficialClientTakesTheFakesErrors(t *testing.T) {
	t.Parallel()
	plugintest.OfficialClient(t, "claude", "errors", plugintest.ServeErrors(t))
	begun, _, _ := strings.Cut(string(plugintest.Testdata(t, "streams/message.sse")), "event: content_block_stop")
	failed := begun + "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n"
	plugintest.OfficialClient(t, "claude", "midway", say(t, typeSSE, failed))
}
