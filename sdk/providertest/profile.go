package providertest

import (
	"encoding/json"
	"strings"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// Harness is a provider under test in process.
type Harness struct {
	// New makes the provider. It is called for each server that a case starts.
	New func() provider.Provider
	Profile
}

// Target is a provider under test as a built binary.
type Target struct {
	// Binary is the path of the plugin.
	Binary string
	Profile
}

// Profile is what the kit should know about a provider beside its manifest. The
// zero value suits a provider of an OpenAI-compatible service.
type Profile struct {
	// Settings are the settings of the endpoints that the kit opens, a JSON
	// object; nil means none. Defaults are filled in as the host does.
	Settings json.RawMessage
	// ProviderSettings are the settings of the provider block, likewise.
	ProviderSettings json.RawMessage
	// Credential is the key of the endpoints. The default is a made-up key if
	// the kit stands in for the service, else none.
	Credential provider.Secret
	// Model is used in requests; the default is the manifest's default model,
	// and "kit-model" where it has none.
	Model string
	// Samples are requests that the provider answers with success. They replace
	// the kit's own for the same operation and mode, which exist for the
	// well-known operations. Operations without a sample are called with an
	// empty object and may refuse it.
	Samples []Sample
	// Service stands in for the service behind the provider. nil is OpenAI's
	// dialect if the manifest declares the setting base_url, else none.
	Service *Service
	// Slow are settings with which a stream takes seconds, for providers that
	// no [Service] can slow down. They are laid over Settings.
	Slow json.RawMessage
	// Silent are settings with which the first word of an answer takes at least
	// five seconds, likewise.
	Silent json.RawMessage
	// Faults are settings with which calls fail, and how, for providers whose
	// failures no [Service] can cause.
	Faults []Fault
	// Panic is a request on which the provider's code panics, to see that the
	// process lives on. nil leaves the case out.
	Panic *Sample
	// Only limits the run to the cases whose names contain it.
	Only string
}

// Sample is a request that succeeds.
type Sample struct {
	Operation string
	Mode      provider.Mode
	// Body is the canonical JSON. The text {{prompt}} in it, within a JSON
	// string, is replaced with a text that differs from call to call, and
	// {{model}} with the model's name.
	Body string
	// Data is the upload of a transfer, DataType its content type.
	Data     []byte
	DataType string
	// Want are texts that the answer must contain, with the same replacements.
	Want []string

	builtin bool // one of the kit's own
}

func (s Sample) fill(prompt, model string) Sample {
	r := strings.NewReplacer("{{prompt}}", prompt, "{{model}}", model)
	s.Body = r.Replace(s.Body)
	want := make([]string, len(s.Want))
	for i, w := range s.Want {
		want[i] = r.Replace(w)
	}
	s.Want = want
	return s
}

// Fault is a failure that settings can cause.
type Fault struct {
	// Name of the case, such as "rate-limit".
	Name string
	// Settings that cause the failure; laid over [Profile.Settings].
	Settings json.RawMessage
	// Want is compared in the fields Code, StatusCode and RetryAfter.
	Want provider.Error
	// Stream asks for a stream that fails after its first chunk.
	Stream bool
}
