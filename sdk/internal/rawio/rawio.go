//go:build unix

// Package rawio is on its way to sdk/rawio.
package rawio

import "github.com/backplane-dev/backplane/sdk/rawio"

// Read is [rawio.Read].
var Read = rawio.Read

// Write is [rawio.Write].
var Write = rawio.Write
