//go:build !unix

package main

import (
	"context"

	"github.com/backplane-dev/backplane/host"
)

// reloadOnSignal does nothing: there is no such signal here. 'backplane reload'
// does the same.
func reloadOnSignal(context.Context, streams, *host.Host) (stop func()) { return func() {} }
