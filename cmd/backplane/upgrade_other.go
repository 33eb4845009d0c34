//go:build !unix

package main

import (
	"context"

	"github.com/backplane-dev/backplane/host"
)

// serveUntilReplaced waits for the end of ctx: sockets cannot be handed over here.
func serveUntilReplaced(ctx context.Context, _ streams, _ *host.Host) { <-ctx.Done() }
