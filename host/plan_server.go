package host

import (
	"slices"

	"github.com/backplane-dev/backplane/host/config"
	"github.com/backplane-dev/backplane/host/status"
)

// compareRoutes tells what becomes of the routes. They belong to the host alone,
// and are published with the endpoints.
func compareRoutes(now, want []config.Route) []status.Step {
	var steps []status.Step
	find := func(routes []config.Route, pattern string) (config.Route, bool) {
		i := slices.IndexFunc(routes, func(r config.Route) bool { return r.Pattern == pattern })
		if i < 0 {
			return config.Route{}, false
		}
		return routes[i], true
	}
	for _, r := range want {
		s := step(status.StepRoute, r.Pattern, status.ActionKeep)
		if old, ok := find(now, r.Pattern); !ok {
			s.Action = status.ActionCreate
		} else if s.Differences = config.DiffRoutes(old, r); len(s.Differences) > 0 {
			s.Action = status.ActionChange
		}
		steps = append(steps, s)
	}
	for _, r := range now {
		if _, ok := find(want, r.Pattern); !ok {
			steps = append(steps, step(status.StepRoute, r.Pattern, status.ActionDelete))
		}
	}
	return steps
}

// compareServers tells which settings of the blocks server and log change, and
// which of them only a new host can take over.
func compareServers(now, want *config.Config) []status.Step {
	var steps []status.Step
	for _, d := range config.DiffServers(now, want) {
		s := step(status.StepServer, d.Setting, status.ActionChange)
		s.Differences = []status.Difference{d}
		if config.NeedsRestart(d.Setting) {
			s.Action, s.Note = status.ActionRestart, "it takes effect when the host is started anew"
		}
		steps = append(steps, s)
	}
	return steps
}
