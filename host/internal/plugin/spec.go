package plugin

import (
	"fmt"
	"time"

	prog "github.com/backplane-dev/backplane/host/internal/binary"
	"github.com/backplane-dev/backplane/host/internal/confine"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// DefaultStartTimeout is the time from the start of a process until it takes
// calls. Tens of milliseconds are usual.
const DefaultStartTimeout = 10 * time.Second

// Spec says which plugin to run and how.
type Spec struct {
	// Name of the provider in the configuration. The manifest must have it too.
	Name string
	// Path of the binary, see [Find].
	Path string
	// Binary holds the bytes to execute; they are the provider's to close. nil
	// executes what stands at Path at the moment of each start, which is for
	// development.
	Binary *prog.Binary
	// Attach, if it is set, says how to reach a process that somebody else runs,
	// in place of starting one. It is asked at each start.
	Attach func() (Attachment, error)
	// Manifest as [Describe] returned it. Every process must agree with it.
	Manifest provider.Manifest
	// Settings of the provider block, handed to every process if the manifest
	// declares provider settings.
	Settings provider.Settings
	// Env is added to the plugin's environment, which holds nothing else of the
	// host's but PATH, TZ, LANG and LC_ALL. Credentials do not belong here.
	Env map[string]string
	// Confine is what the process may do; nil does not confine it at all.
	Confine *confine.Policy
	// StartTimeout bounds one start; 0 means DefaultStartTimeout.
	StartTimeout time.Duration
	// DrainTimeout is how long a replaced process may finish its calls; 0 means
	// DefaultDrainTimeout.
	DrainTimeout time.Duration
	// Trial is how long a new binary or configuration is watched after a change
	// and rolled back if it fails; 0 means not at all.
	Trial time.Duration
	// Lazy starts the process with the first call. IdleStop stops it after that
	// time without one, and starts it again with the next; 0 means never.
	Lazy     bool
	IdleStop time.Duration
}

// fill sets the defaults.
func (s *Spec) fill() {
	if s.StartTimeout <= 0 {
		s.StartTimeout = DefaultStartTimeout
	}
	if s.DrainTimeout <= 0 {
		s.DrainTimeout = DefaultDrainTimeout
	}
}

// check refuses a spec that cannot work for the provider of that name.
func (s Spec) check(name string) error {
	if s.Name != name {
		return fmt.Errorf("it is provider %q and cannot become %q", name, s.Name)
	}
	if err := CheckName(s.Manifest, s.Name, s.Path); err != nil {
		return err
	}
	return checkEnv(s.Env)
}

// SHA256 is the hash of the binary, "" if it is not known.
func (s Spec) SHA256() string {
	if s.Binary == nil {
		return ""
	}
	return s.Binary.SHA256()
}

// knownSHA256 is the hash if it was made already.
func (s Spec) knownSHA256() string {
	if s.Binary == nil {
		return ""
	}
	return s.Binary.KnownSHA256()
}
