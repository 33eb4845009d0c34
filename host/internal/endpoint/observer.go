package endpoint

import (
	"time"

	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// Observer is told how requests ended, for metrics. It is called in the
// request's own path and must be quick and safe for concurrent use.
type Observer interface {
	RequestDone(Outcome)
}

// Outcome is how one request ended.
type Outcome struct {
	// Report tells endpoint, provider, model, attempts and where the time went.
	status.Report
	Operation string
	Mode      provider.Mode
	// Code is "" for success.
	Code provider.Code
	// FirstToken is the time from the start of the last attempt to the stream's
	// first chunk, 0 if there was none.
	FirstToken time.Duration
	// Usage is zero if the provider did not report it.
	Usage provider.Usage
}
