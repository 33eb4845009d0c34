package main

import (
	"testing"

	"github.com/backplane-dev/backplane/plugins/internal/managed/managedtest"
)

func TestMain(m *testing.M) { managedtest.Main(m) }
