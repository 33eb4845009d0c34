package main

import (
	"context"
	"testing"

	"github.com/backplane-dev/backplane/sdk/client"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// startAndLeave starts a call of the given mode and returns what makes its
// caller leave. The call's end is awaited when the test ends.
func startAndLeave(t *testing.T, conn *client.Conn, req *provider.Request, mode string) func() {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	t.Cleanup(func() {
		cancel()
		if e := provider.AsError(<-ended); e == nil || e.Code != provider.CodeCanceled {
			t.Errorf("the call ended with %v", e)
		}
	})
	go func() {
		if mode == "call" {
			_, err := conn.Call(ctx, req)
			ended <- err
			return
		}
		s, err := conn.Stream(ctx, req)
		if err == nil {
			_, err = readStream(s)
		}
		ended <- err
	}()
	return cancel
}
