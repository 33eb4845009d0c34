//go:build !unix

package managed

import (
	"context"
	"io"

	"github.com/backplane-dev/backplane/sdk/provider"
)

func keep(io.Reader, io.Writer) int { return 1 }

// newLauncher refuses: locks that the system gives back, process groups and unix
// sockets are what this is made of.
func newLauncher(*spec, *config, string) launcher { return nowhere{} }

type nowhere struct{}

func (nowhere) launch(context.Context, func(string)) (instance, error) {
	return nil, provider.Errorf(provider.CodeUnsupported, "servers can be started on Unix systems alone; start it yourself and set server.mode to \"attach\"")
}

func (nowhere) runs(context.Context) bool { return false }
