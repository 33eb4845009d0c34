package main

import (
	"testing"

	"github.com/backplane-dev/backplane/plugins/internal/plugintest"
)

func TestTheOfficialClientTakesTheFakesAnswers(t *testing.T) {
	t.Parallel()
	for _, check := range []string{"chat", "responses", "others", "stored"} {
		t.Run(check, func(t *testing.T) {
			t.Parallel()
			plugintest.OfficialClient(t, "openai", check, newPlatform(t).url)
		})
	}
	t.Run("errors", func(t *testing.T) {
		t.Parallel()
		plugintest.OfficialClient(t, "openai", "errors", plugintest.ServeErrors(t))
	})
}
