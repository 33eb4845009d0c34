package host

import (
	"context"

	"github.com/backplane-dev/backplane/host/internal/plugin"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// Describe asks a plugin's binary what it is and can do, without a running host
// and without starting the plugin: it runs `path describe` with an empty
// environment, bounded in time and output.
func Describe(ctx context.Context, path string) (*provider.Manifest, error) {
	m, err := plugin.Describe(ctx, path)
	if err != nil {
		return nil, err
	}
	return &m, nil
}
