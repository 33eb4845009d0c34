package main

import (
	"testing"

	"github.com/backplane-dev/backplane/plugins/internal/plugintest"
)

func TestTheOfficialClientTakesTheFakesAnswers(t *testing.T) {
	t.Parallel()
	for check, answer := range map[string]string{
		"chat": "answers/chat.json", "stream": "streams/chat.sse", "tools": "answers/tools.json", "streamedTools": "streams/tools.sse",
		"embeddings": "answers/embeddings.json", "tokens": "answers/tokens.json", "saidBack": "",
	} {
		t.Run(check, func(t *testing.T) {
			t.Parallel()
			plugintest.OfficialClient(t, "gemini", check, newService(t, answer).URL)
		})
	}
	t.Run("errors", func(t *testing.T) {
		t.Parallel()
		plugintest.OfficialClient(t, "gemini", "errors", plugintest.ServeErrors(t))
	})
}
