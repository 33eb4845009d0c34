package main

import (
	"testing"

	"github.com/backplane-dev/backplane/plugins/internal/plugintest"
	"github.com/backplane-dev/backplane/plugins/internal/vllm/vllmtest"
	"github.com/backplane-dev/backplane/sdk/providertest"
)

func TestConformance(t *testing.T) {
	providertest.Run(t, providertest.Harness{New: New})
}

func TestConformanceOfTheBinary(t *testing.T) {
	providertest.RunBinary(t, ".", providertest.Profile{})
}

func TestTheReadmeSaysWhatTheManifestSays(t *testing.T) {
	t.Parallel()
	plugintest.CheckReadme(t, New().Describe())
}

func TestWhatVLLMCanDo(t *testing.T) { vllmtest.Run(t, New) }
