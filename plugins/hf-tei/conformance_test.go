package main

import (
	"testing"

	"github.com/backplane-dev/backplane/plugins/internal/hf/tei/teitest"
	"github.com/backplane-dev/backplane/sdk/providertest"
)

func TestConformance(t *testing.T) {
	providertest.Run(t, providertest.Harness{New: New, Profile: profile()})
}

func TestConformanceOfTheBinary(t *testing.T) {
	providertest.RunBinary(t, ".", profile())
}

func profile() providertest.Profile { return teitest.Profile() }
