package host_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/backplane-dev/backplane/host"
	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// The tests of this file go through the interface reference row by row, each
// with real plugin processes. interface.md says which row is shown where.

const echoConfig = `
provider "echo" {}
endpoint "echo" { provider = "echo" }
`

func TestChatAnswersThroughAPluginProcess(t *testing.T) {
	t.Parallel()
	h := start(t, echoConfig)
	answer, err := h.Chat(t.Context(), user("echo", "Hello there, world"))
	if err != nil {
		t.Fatal(err)
	}
	if got := *answer.Choices[0].Message.Content; got != "Hello there, world" {
		t.Errorf("answer %q", got)
	}
	if answer.Usage == nil || answer.Usage.CompletionTokens != 3 {
		t.Errorf("usage %+v, want 3 completion tokens", answer.Usage)
	}
}

func TestStreamChatYieldsChunksInOrder(t *testing.T) {
	t.Parallel()
	h := start(t, echoConfig)
	var text strings.Builder
	chunks := 0
	for chunk, err := range h.StreamChat(t.Context(), user("echo", "one two three")) {
		if err != nil {
			t.Fatal(err)
		}
		chunks++
		for _, c := range chunk.Choices {
			if c.Delta.Content != nil {
				text.WriteString(*c.Delta.Content)
			}
		}
	}
	if text.String() != "one two three" || chunks < 3 {
		t.Errorf("%d chunks with the text %q", chunks, text.String())
	}
}

func TestCreateEndpointInheritsFromItsProviderAndCountsItsRequests(t *testing.T) {
	t.Parallel()
	h := start(t, `
provider "echo" {
  model = "echo-inherited"
  queue { max_concurrent = 3 }
}
`)
	id, err := h.CreateEndpoint(t.Context(), host.EndpointSpec{"provider": "echo", "queue": map[string]any{"size": 7}})
	if err != nil {
		t.Fatal(err)
	}
	e, err := h.Endpoint(id)
	if err != nil {
		t.Fatal(err)
	}
	policy, err := json.Marshal(e.Policy)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(policy), `"size":7,"max_concurrent":3`) || e.Model != "echo-inherited" {
		t.Errorf("endpoint %+v with the policy %s", e, policy)
	}
	body := []byte(`{"model":"any","messages":[{"role":"user","content":"hi"}]}`)
	if _, err := h.Call(t.Context(), &provider.Request{Endpoint: id, Operation: provider.OpChat, Body: body}); err != nil {
		t.Fatal(err)
	}
	_, err = h.Call(t.Context(), &provider.Request{Endpoint: id, Operation: provider.OpChat, Body: []byte(`{`)})
	if provider.AsError(err).Code != provider.CodeInvalidRequest {
		t.Errorf("a broken body: %v", err)
	}
	stats, err := h.Stats(id)
	if err != nil {
		t.Fatal(err)
	}
	if stats.Requests != 2 || stats.Success != 1 || stats.Errors != 1 {
		t.Errorf("stats %+v, want 2 requests, 1 success, 1 error", stats)
	}
}

func TestUpdateAndDeleteEndpoint(t *testing.T) {
	t.Parallel()
	h := start(t, echoConfig)
	id, err := h.CreateEndpoint(t.Context(), host.EndpointSpec{"id": "mine", "provider": "echo"})
	if err != nil || id != "mine" {
		t.Fatalf("id %q, %v", id, err)
	}
	if _, err := h.CreateEndpoint(t.Context(), host.EndpointSpec{"id": "mine", "provider": "echo"}); provider.AsError(err).Code != provider.CodeConflict {
		t.Errorf("the same id again: %v", err)
	}
	if err := h.UpdateEndpoint(t.Context(), "mine", host.EndpointSpec{"settings": map[string]any{"error_rate": 1}, "retry": map[string]any{"max": 0}}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Chat(t.Context(), user("mine", "x")); provider.AsError(err).Code != provider.CodeUpstream {
		t.Errorf("the changed endpoint should fail with its injected error, got %v", err)
	}
	if err := h.DeleteEndpoint(t.Context(), "mine"); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Chat(t.Context(), user("mine", "x")); provider.AsError(err).Code != provider.CodeNotFound {
		t.Errorf("the deleted endpoint: %v", err)
	}
}

func TestCreateEndpointReportsMistakesWithTheirSetting(t *testing.T) {
	t.Parallel()
	h := start(t, echoConfig)
	_, err := h.CreateEndpoint(t.Context(), host.EndpointSpec{"provider": "echo", "settings": map[string]any{"latensy": "1s"}})
	var mistakes *provider.ConfigError
	if !errors.As(err, &mistakes) || len(mistakes.Diagnostics) != 1 || mistakes.Diagnostics[0].Path != "settings.latensy" ||
		!strings.Contains(mistakes.Diagnostics[0].Detail, `"latency"`) {
		t.Errorf("got %v", err)
	}
}

func TestEndpointHandlerAnswersItsOperations(t *testing.T) {
	t.Parallel()
	h := start(t, echoConfig)
	server := httptest.NewServer(http.StripPrefix("/embedded", h.Handler("echo")))
	t.Cleanup(server.Close)
	resp, err := http.Post(server.URL+"/embedded/chat", "application/json", strings.NewReader(`{"messages":[{"role":"user","content":"hi"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK || !strings.Contains(string(body), `"content":"hi"`) || resp.Header.Get("x-backplane-endpoint") != "echo" {
		t.Errorf("%s %v %s", resp.Status, resp.Header, body)
	}
}

func TestTestAsksTheServiceAndNotTheQueue(t *testing.T) {
	t.Parallel()
	var authorised atomic.Bool
	url := fakeService(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer sk-right" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		authorised.Store(true)
		_, _ = io.WriteString(w, `{"object":"list","data":[]}`)
	})
	h := start(t, openaiConfig(url), "OPENAI_API_KEY", "sk-right")
	if err := h.Test(t.Context(), "openai"); err != nil || !authorised.Load() {
		t.Errorf("right key: %v", err)
	}
	if err := h.UpdateEndpoint(t.Context(), "openai", host.EndpointSpec{"api_key": "sk-wrong"}); err != nil {
		t.Fatal(err)
	}
	if err := h.Test(t.Context(), "openai"); provider.AsError(err).Code != provider.CodeAuth {
		t.Errorf("wrong key: %v", err)
	}
	if stats, _ := h.Stats("openai"); stats.Requests != 0 {
		t.Errorf("tests were counted: %+v", stats)
	}
}

func openaiConfig(url string, more ...string) string {
	return fmt.Sprintf(`
provider "openai" {}
endpoint "openai" {
  provider = "openai"
  settings { base_url = %q }
  %s
}
`, url+"/v1", strings.Join(more, "\n  "))
}

const completion = `{"id":"c","object":"chat.completion","created":1,"model":"m","new_field":{"kept":true},` +
	`"choices":[{"index":0,"message":{"role":"assistant","content":"hi","refusal":null},"logprobs":null,"finish_reason":"stop"}]}`

func TestTheKeyComesFromConfigThenEnvironmentThenATypedError(t *testing.T) {
	t.Parallel()
	var key atomic.Value
	url := fakeService(t, func(w http.ResponseWriter, r *http.Request) {
		key.Store(r.Header.Get("Authorization"))
		_, _ = io.WriteString(w, completion)
	})
	ask := func(h *host.Host) error {
		_, err := h.Chat(t.Context(), user("openai", "x"))
		return err
	}
	if err := ask(start(t, openaiConfig(url, `api_key = env("MINE")`), "MINE", "sk-config", "OPENAI_API_KEY", "sk-env")); err != nil || key.Load() != "Bearer sk-config" {
		t.Errorf("config: %v, sent %v", err, key.Load())
	}
	if err := ask(start(t, openaiConfig(url), "OPENAI_API_KEY", "sk-env")); err != nil || key.Load() != "Bearer sk-env" {
		t.Errorf("environment: %v, sent %v", err, key.Load())
	}
	key.Store("nothing")
	err := provider.AsError(ask(start(t, openaiConfig(url))))
	if err.Code != provider.CodeAuth || !strings.Contains(err.Message, "OPENAI_API_KEY") || key.Load() != "nothing" {
		t.Errorf("no key: %v, sent %v", err, key.Load())
	}
}

func TestTheDefaultModelIsTheEndpointsThenThePlugins(t *testing.T) {
	t.Parallel()
	var model atomic.Value
	url := fakeService(t, func(w http.ResponseWriter, r *http.Request) {
		var body struct{ Model string }
		_ = json.NewDecoder(r.Body).Decode(&body)
		model.Store(body.Model)
		_, _ = io.WriteString(w, completion)
	})
	for _, tt := range []struct{ setting, want string }{{`model = "gpt-mine"`, "gpt-mine"}, {"", ""}} {
		h := start(t, openaiConfig(url, tt.setting), "OPENAI_API_KEY", "k")
		p, err := h.Provider("openai")
		if err != nil {
			t.Fatal(err)
		}
		want := tt.want
		if want == "" {
			want = p.Manifest.Models.Default
		}
		if _, err := h.Chat(t.Context(), user("openai", "x")); err != nil || model.Load() != want || want == "" {
			t.Errorf("sent the model %v, want %q (%v)", model.Load(), want, err)
		}
	}
}

func TestAnOperationsOwnDefaultModelComesBeforeThePlugins(t *testing.T) {
	t.Parallel()
	var sent atomic.Value
	url := fakeService(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		sent.Store(string(body))
		_, _ = io.WriteString(w, `{"object":"list","data":[]}`)
	})
	h := start(t, openaiConfig(url), "OPENAI_API_KEY", "k")
	_, err := h.Call(t.Context(), &provider.Request{Endpoint: "openai", Operation: provider.OpEmbeddings, Body: []byte(`{"input":"x"}`)})
	if err != nil || !strings.Contains(fmt.Sprint(sent.Load()), "text-embedding-") {
		t.Errorf("sent %v, %v", sent.Load(), err)
	}
}

func TestCallAndStreamTakeAnyDeclaredOperationAndAKeyOfTheCall(t *testing.T) {
	t.Parallel()
	var seen atomic.Value
	url := fakeService(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		seen.Store(r.URL.Path + " " + r.Header.Get("Authorization") + " " + string(body))
		if strings.Contains(string(body), `"stream":true`) {
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(w, "data: {\"choices\":[{\"text\":\"a\",\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n")
			return
		}
		_, _ = io.WriteString(w, `{"id":"modr","results":[],"x":1}`)
	})
	h := start(t, openaiConfig(url), "OPENAI_API_KEY", "sk-endpoint")
	resp, err := h.Call(t.Context(), &provider.Request{Endpoint: "openai", Operation: provider.OpModerations,
		Model: "omni", Body: []byte(`{"model":"omni","input":"x","future_field":[1]}`), Credential: provider.NewSecret("sk-call")})
	if err != nil {
		t.Fatal(err)
	}
	if got := seen.Load(); got != `/v1/moderations Bearer sk-call {"model":"omni","input":"x","future_field":[1]}` {
		t.Errorf("the service saw %v", got)
	}
	if string(resp.Body) != `{"id":"modr","results":[],"x":1}` {
		t.Errorf("answer %s", resp.Body)
	}
	stream, err := h.Stream(t.Context(), &provider.Request{Endpoint: "openai", Operation: provider.OpCompletions,
		Model: "m", Body: []byte(`{"model":"m","prompt":"x","stream":true}`)})
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	var kinds []provider.EventKind
	for {
		event, err := stream.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		kinds = append(kinds, event.Kind)
	}
	if len(kinds) < 3 || kinds[0] != provider.EventStarted || kinds[len(kinds)-1] != provider.EventFinished {
		t.Errorf("events %v", kinds)
	}
	_, err = h.Call(t.Context(), &provider.Request{Endpoint: "openai", Operation: "object.get"})
	if e := provider.AsError(err); e.Code != provider.CodeUnsupported || !strings.Contains(e.Message, "moderations") {
		t.Errorf("an operation that is not offered: %v", err)
	}
}

func TestIsCompatibleModelKnowsPatternsAndTheServicesList(t *testing.T) {
	t.Parallel()
	url := fakeService(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"object":"list","data":[{"id":"house-special","object":"model","created":1,"owned_by":"x"}]}`)
	})
	h := start(t, openaiConfig(url), "OPENAI_API_KEY", "k")
	for model, want := range map[string]bool{"gpt-4o": true, "house-special": true, "llama-3": false} {
		if got, err := h.IsCompatibleModel(t.Context(), "openai", model); err != nil || got != want {
			t.Errorf("%s: %v, %v; want %v", model, got, err, want)
		}
	}
	models, err := h.Models(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, m := range models {
		ids = append(ids, m.ID)
	}
	if strings.Join(ids, " ") != "house-special openai" {
		t.Errorf("models %v", ids)
	}
}

func TestRecentRequestsAreKeptUnlessSwitchedOff(t *testing.T) {
	t.Parallel()
	h := start(t, echoConfig+`
endpoint "quiet" {
  provider = "echo"
  stats { recent = false }
}
`)
	for _, model := range []string{"echo", "quiet"} {
		if _, err := h.Chat(t.Context(), user(model, "x")); err != nil {
			t.Fatal(err)
		}
	}
	recent := h.Recent(status.RequestFilter{})
	if len(recent) != 1 || recent[0].Endpoint != "echo" || !recent[0].Success || recent[0].At.IsZero() {
		t.Errorf("recent %+v", recent)
	}
}
