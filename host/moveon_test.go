package host

import (
	"testing"

	"github.com/backplane-dev/backplane/sdk/provider"
)

func TestARequestMovesOnOnlyIfAnotherEndpointMayAnswerIt(t *testing.T) {
	t.Parallel()
	safe := provider.Operation{Name: "chat", Modes: []provider.Mode{provider.ModeCall, provider.ModeTransfer}}
	unsafe := provider.Operation{Name: "files.upload", Modes: []provider.Mode{provider.ModeCall}, Unsafe: true}
	for _, c := range []struct {
		name     string
		err      provider.Error
		op       provider.Operation
		mode     provider.Mode
		attempts int
		want     bool
	}{
		{"a wrong request", provider.Error{Code: provider.CodeInvalidRequest, Source: provider.SourceUpstream}, safe, provider.ModeCall, 1, false},
		{"a service that fails", provider.Error{Code: provider.CodeUpstream, Source: provider.SourceUpstream}, safe, provider.ModeCall, 3, true},
		{"a full queue", provider.Error{Code: provider.CodeQueueFull, Source: provider.SourceHost}, safe, provider.ModeCall, 0, true},
		{"an endpoint that closes", provider.Error{Code: provider.CodeShutdown, Source: provider.SourceHost}, safe, provider.ModeCall, 1, true},

		{"a transfer that failed under way", provider.Error{Code: provider.CodeUpstream, Source: provider.SourceUpstream}, safe, provider.ModeTransfer, 1, false},
		{"a transfer that was never sent", provider.Error{Code: provider.CodeQueueFull, Source: provider.SourceHost}, safe, provider.ModeTransfer, 0, true},

		{"unsafe, a full queue", provider.Error{Code: provider.CodeQueueFull, Source: provider.SourceHost}, unsafe, provider.ModeCall, 0, true},
		{"unsafe, an open circuit", provider.Error{Code: provider.CodeCircuitOpen, Source: provider.SourceHost}, unsafe, provider.ModeCall, 0, true},
		{"unsafe, no plugin", provider.Error{Code: provider.CodePluginUnavailable, Source: provider.SourceHost}, unsafe, provider.ModeCall, 0, true},
		{"unsafe, the service failed", provider.Error{Code: provider.CodeUpstream, Source: provider.SourceUpstream}, unsafe, provider.ModeCall, 1, false},
		{"unsafe, stopped during the call", provider.Error{Code: provider.CodeShutdown, Source: provider.SourceHost}, unsafe, provider.ModeCall, 1, false},
		{"unsafe, the plugin's own queue", provider.Error{Code: provider.CodeQueueFull, Source: provider.SourcePlugin}, unsafe, provider.ModeCall, 1, false},
	} {
		if got := mayMoveOn(&c.err, c.op, c.mode, c.attempts); got != c.want {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
}
