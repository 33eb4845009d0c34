package main

import (
	"testing"

	"github.com/backplane-dev/backplane/plugins/internal/plugintest"
)

func TestTheOfficialClientTakesTheFakesAnswers(t *testing.T) {
	t.Parallel()
	plugintest.OfficialClient(t, "groq", "everything", newFake(t).URL)
	plugintest.OfficialClient(t, "groq", "errors", plugintest.ServeErrors(t))
}
