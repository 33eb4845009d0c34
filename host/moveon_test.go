package host

import (
	"testing"

	"github.com/backplane-dev/backplane/sdk/provider"
)

func TestARequestMovesOnOnlyIfAnotherEndpointMayAnswerIt(t *testing.T) {
	t.Parallel()
	safe := provider.Operation{Name: "chat", Modes: []provider.Mode{provider.ModeCall, provider.ModeTransfer}}
	unsafe := provider.Operation{Name: "files.upload", Modes: []provider.Mode{provider.ModeCall}, Unsafe: true}
	service := func(code provider.Code) provider.Error {
		return provider.Error{Code: code, Source: provider.SourceUpstream}
	}
	here := func(code provider.Code) provider.Error {
		return provider.Error{Code: code, Source: provider.SourceHost}
	}
	vouched := provider.Error{Code: provider.CodeUnreachable, Source: provider.SourcePlugin, Retry: provider.RetryAlways}
	refused := provider.Error{Code: provider.CodeUnreachable, Source: provider.SourceUpstream, Retry: provider.RetryAlways, StatusCode: 503}
	never := provider.Error{Code: provider.CodeUpstream, Source: provider.SourceUpstream, Retry: provider.RetryNever}
	for _, c := range []struct {
		name     string
		err      provider.Error
		op       provider.Operation
		attempts int
		spent    bool
		want     bool
	}{
		{"a wrong request", service(provider.CodeInvalidRequest), safe, 1, false, false},
		{"an unknown model", service(provider.CodeNotFound), safe, 1, false, false},
		{"a wrong key", service(provider.CodeAuth), safe, 1, false, false},
		{"a service that fails", service(provider.CodeUpstream), safe, 3, false, true},
		{"a service that forbids repeating", never, safe, 1, false, false},
		{"a rate limit", service(provider.CodeRateLimit), safe, 1, false, true},
		{"no money left", service(provider.CodeQuota), safe, 1, false, true},
		{"a time limit", here(provider.CodeTimeout), safe, 1, false, true},
		{"a defect", provider.Error{Code: provider.CodeInternal, Source: provider.SourcePlugin}, safe, 1, false, false},
		{"a caller who left", provider.Error{Code: provider.CodeCanceled, Source: provider.SourceCaller}, safe, 0, false, false},
		{"a caller who left during the call", provider.Error{Code: provider.CodeCanceled, Source: provider.SourceCaller}, safe, 1, false, false},

		{"a fault of the caller's, found before an attempt", provider.Error{Code: provider.CodeTooLarge, Source: provider.SourceCaller}, safe, 0, false, false},
		{"a full queue", here(provider.CodeQueueFull), safe, 0, false, true},
		{"an open circuit", here(provider.CodeCircuitOpen), safe, 0, false, true},
		{"an open circuit after an attempt", here(provider.CodeCircuitOpen), safe, 1, false, true},
		{"an endpoint that closes", here(provider.CodeShutdown), safe, 1, false, true},
		{"an endpoint without a key", here(provider.CodeAuth), safe, 0, false, true},
		{"an endpoint that does not offer it", here(provider.CodeUnsupported), safe, 0, false, true},

		{"an upload that was read", service(provider.CodeUpstream), safe, 1, true, false},
		{"an upload that can be read anew", service(provider.CodeUpstream), safe, 1, false, true},
		{"an upload that was never sent", here(provider.CodeQueueFull), safe, 0, false, true},

		{"unsafe, a full queue", here(provider.CodeQueueFull), unsafe, 0, false, true},
		{"unsafe, an open circuit", here(provider.CodeCircuitOpen), unsafe, 0, false, true},
		{"unsafe, no plugin", here(provider.CodePluginUnavailable), unsafe, 0, false, true},
		{"unsafe, the service failed", service(provider.CodeUpstream), unsafe, 1, false, false},
		{"unsafe, stopped during the call", here(provider.CodeShutdown), unsafe, 1, false, false},
		{"unsafe, the plugin's own queue", provider.Error{Code: provider.CodeQueueFull, Source: provider.SourcePlugin}, unsafe, 1, false, false},
		{"unsafe, nothing was sent", vouched, unsafe, 1, false, true},
		{"unsafe, the service's own word", refused, unsafe, 1, false, false},
	} {
		if got := mayMoveOn(&c.err, c.op, c.attempts, c.spent); got != c.want {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
}
