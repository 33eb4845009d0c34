package main

import (
	"maps"
	"net/http"
	"testing"

	"github.com/backplane-dev/backplane/plugins/internal/plugintest"
	"github.com/backplane-dev/backplane/sdk/provider"
)

const (
	eventStream = "text/event-stream"
	token       = "data:{\"index\":1,\"token\":{\"id\":17,\"text\":\" Hel\",\"logprob\":-0.2,\"special\":false},\"generated_text\":null,\"details\":null}\n\n"
)

func streamOf(parts ...string) []string { return parts }

// brokenTokens are the streams of generate that do not end well.
var brokenTokens = map[string]plugintest.Broken{
	"cut after a token":      {ContentType: eventStream, Parts: streamOf(token), Code: provider.CodeProtocol},
	"cut inside a token":     {ContentType: eventStream, Parts: streamOf(token, token[:30]), Code: provider.CodeProtocol},
	"nothing":                {ContentType: eventStream, Code: provider.CodeProtocol},
	"an end alone":           {ContentType: eventStream, Parts: streamOf("data: [DONE]\n\n"), Code: provider.CodeProtocol},
	"no JSON":                {ContentType: eventStream, Parts: streamOf(token, "data:<oops>\n\n"), Code: provider.CodeProtocol},
	"no token":               {ContentType: eventStream, Parts: streamOf(token, "data:{\"index\":2}\n\n"), Code: provider.CodeProtocol},
	"a page":                 {ContentType: "text/html", Parts: streamOf("<h1>Bad gateway</h1>"), Code: provider.CodeProtocol},
	"generation failed":      {ContentType: eventStream, Parts: streamOf(token, "data:{\"error\":\"Request failed during generation: oom\",\"error_type\":\"generation\"}\n\n"), Code: provider.CodeUpstream},
	"incomplete":             {ContentType: eventStream, Parts: streamOf(token, "data:{\"error\":\"Incomplete generation\",\"error_type\":\"incomplete_generation\"}\n\n"), Code: provider.CodeUpstream},
	"overloaded at once":     {ContentType: eventStream, Parts: streamOf("data:{\"error\":\"Model is overloaded\",\"error_type\":\"overloaded\"}\n\n"), Code: provider.CodeOverloaded},
	"a wrong value at once":  {ContentType: eventStream, Parts: streamOf("data:{\"error\":\"Input validation error: `top_p` must be > 0.0 and < 1.0\",\"error_type\":\"validation\"}\n\n"), Code: provider.CodeInvalidRequest},
	"an error among answers": {ContentType: "application/json", Parts: streamOf("{\"error\":\"Model is overloaded\",\"error_type\":\"overloaded\"}"), Code: provider.CodeOverloaded},
}

// brokenChat are those of chat, where the server reports all errors alike.
func brokenChat() map[string]plugintest.Broken {
	all := maps.Clone(plugintest.BrokenChat)
	for name, c := range map[string]struct {
		message string
		code    provider.Code
	}{
		"generation failed": {"Request failed during generation: oom", provider.CodeUpstream},
		"overloaded":        {"Model is overloaded", provider.CodeOverloaded},
		"a wrong value":     {"Input validation error: `top_p` must be > 0.0 and < 1.0", provider.CodeInvalidRequest},
	} {
		all["the server's own: "+name] = plugintest.Broken{
			ContentType: eventStream, Code: c.code,
			Parts: streamOf(plugintest.FirstChunk, "data: {\"error\":{\"message\":\""+c.message+"\",\"http_status_code\":422}}\n\n"),
		}
	}
	return all
}

func TestBrokenStreamsAreErrors(t *testing.T) {
	t.Parallel()
	t.Run("chat", func(t *testing.T) {
		t.Parallel()
		plugintest.CheckBroken(t, open, provider.OpChat, request, brokenChat())
	})
	t.Run("generate", func(t *testing.T) {
		t.Parallel()
		plugintest.CheckBroken(t, open, "generate", generate, brokenTokens)
	})
}

func TestAnAnswerThatIsNoTextIsAnError(t *testing.T) {
	t.Parallel()
	for body, code := range map[string]provider.Code{
		`{"generated_text":null}`: provider.CodeProtocol, `[]`: provider.CodeProtocol, `{"generated_`: provider.CodeProtocol,
		`{"error":"Model is overloaded","error_type":"overloaded"}`: provider.CodeOverloaded,
	} {
		url := plugintest.Serve(t, func(w http.ResponseWriter, _ *http.Request) {
			plugintest.Write(w, http.StatusOK, "application/json", body)
		})
		_, err := open(t, url).Call(t.Context(), plugintest.Request("generate", generate))
		plugintest.WantError(t, err, code)
	}
}

func TestCancelClosesTheConnection(t *testing.T) {
	t.Parallel()
	t.Run("chat", func(t *testing.T) {
		t.Parallel()
		plugintest.CheckCancel(t, open, provider.OpChat, request, eventStream, plugintest.FirstChunk)
	})
	t.Run("generate", func(t *testing.T) {
		t.Parallel()
		plugintest.CheckCancel(t, open, "generate", generate, eventStream, token)
	})
}

func TestAStreamThatIsCutHasItsUsageSoFar(t *testing.T) {
	t.Parallel()
	conn := open(t, plugintest.Serve(t, func(w http.ResponseWriter, _ *http.Request) {
		plugintest.WriteParts(w, eventStream, token, token)
	}))
	got, err := plugintest.Stream(t, conn, plugintest.Request("generate", generate))
	plugintest.WantError(t, err, provider.CodeProtocol)
	if got.Usage == nil || *got.Usage != (provider.Usage{Output: 2, Total: 2}) || len(got.Chunks) != 2 {
		t.Errorf("got %+v", got)
	}
}
