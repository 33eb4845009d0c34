package status

import "time"

// Further states of a provider; see [ProviderState].
const (
	// ProviderIdle: no process runs because none is needed; the next call starts
	// one.
	ProviderIdle ProviderState = "idle"
	// ProviderQuarantined: it crashed too often and is started only now and then.
	ProviderQuarantined ProviderState = "quarantined"
)

// GenerationState is the state of one process of a provider.
type GenerationState string

// The states of a generation, in the order in which it has them.
const (
	GenerationStarting GenerationState = "starting" // not yet asked for its health
	GenerationProbing  GenerationState = "probing"  // says that it is not ready
	GenerationReady    GenerationState = "ready"    // takes calls
	GenerationDraining GenerationState = "draining" // finishes the calls that it has
	GenerationStopped  GenerationState = "stopped"
)

// Generation is one process of a provider.
type Generation struct {
	ID      uint64          `json:"id"`
	State   GenerationState `json:"state"`
	Version string          `json:"version"`
	// SHA256 of the binary, "" if it was not read but executed where it stands, and
	// for a second or so after a start that did not depend on it; Kept says how the bytes are kept: sealed, copied or script.
	SHA256   string    `json:"sha256,omitempty"`
	Kept     string    `json:"kept,omitempty"`
	PID      int       `json:"pid,omitempty"`
	Since    time.Time `json:"since"`
	InFlight int       `json:"in_flight"`
	// Confined lists the means by which the process is confined, Unconfined those
	// that were wanted and are not to be had, with the reason.
	Confined   []string `json:"confined,omitempty"`
	Unconfined []string `json:"unconfined,omitempty"`
	// Usage is what the process uses now; nil where the system does not tell.
	Usage *ProcessUsage `json:"usage,omitempty"`
}

// ProcessUsage is what a process uses, as the host sees it.
type ProcessUsage struct {
	RSS     int64   `json:"rss_bytes"`
	CPU     float64 `json:"cpu_seconds"` // since its start
	Files   int     `json:"open_files"`
	Threads int     `json:"threads"`
}

// Swap is what became of a change of a provider's process.
type Swap struct {
	Provider string `json:"provider"`
	// Changed is false if the provider ran as wanted already.
	Changed bool `json:"changed"`
	// From and To are the generations before and after; From is nil if there was
	// none.
	From *Generation   `json:"from,omitempty"`
	To   *Generation   `json:"to,omitempty"`
	Took time.Duration `json:"took_ns"`
	At   time.Time     `json:"at"`
	// RolledBack says why the provider went back to what it ran before, "" if it
	// did not.
	RolledBack string `json:"rolled_back,omitempty"`
}
