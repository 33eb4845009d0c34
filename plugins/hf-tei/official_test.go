package main

import (
	"testing"

	"github.com/backplane-dev/backplane/plugins/internal/plugintest"
)

func TestTheOfficialClientTakesTheFakesAnswers(t *testing.T) {
	t.Parallel()
	plugintest.OfficialClient(t, "huggingface", "embeddings", newFake(t).URL)
}
