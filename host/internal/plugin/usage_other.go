//go:build !linux

package plugin

import "github.com/backplane-dev/backplane/host/status"

// usage is not known here.
func usage(int) *status.ProcessUsage { return nil }
