package main

import (
	"testing"

	"github.com/backplane-dev/backplane/plugins/internal/plugintest"
	"github.com/backplane-dev/backplane/sdk/providertest"
)

// The conformance kit's service is what this plugin and others are tested with.
func TestTheOfficialClientTakesTheAnswersOfTheKitsService(t *testing.T) {
	t.Parallel()
	plugintest.OfficialClient(t, "openai", "kit", plugintest.Serve(t, providertest.OpenAI().Handler.ServeHTTP))
}
