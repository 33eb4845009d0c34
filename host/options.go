package host

import (
	"os"

	"github.com/hashicorp/go-hclog"

	"github.com/backplane-dev/backplane/host/config"
)

// fill sets what was left to defaults.
func (o *Options) fill() {
	if o.Logger == nil {
		o.Logger = hclog.NewNullLogger()
	}
	if o.LookupEnv == nil {
		o.LookupEnv = os.LookupEnv
	}
}

// apply lays the options over the configuration.
func (o *Options) apply(s *config.Server) {
	if o.Listen != "" {
		s.Listen = o.Listen
	}
	if o.Admin != "" {
		s.Admin = o.Admin
	}
	if o.PluginDir != "" {
		s.PluginDir = o.PluginDir
	}
}
