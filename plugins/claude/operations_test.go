package main

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/plugins/internal/plugintest"
	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/providertest"
)

func TestMessagesPassByteForByte(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, "tools")
	conn := open(t, p.URL)
	const body = `{ "max_tokens":5, "messages":[{"role":"user","content":"h\u0069"}] , "model":"claude-x","top_k":3 }`
	got, err := conn.Call(t.Context(), plugintest.Request(opMessages, body))
	if err != nil {
		t.Fatal(err)
	}
	if sent := <-p.Requests; sent.Body != body || sent.URL.Path != pathMessages {
		t.Errorf("sent %s %s", sent.URL.Path, sent.Body)
	}
	if string(got.Body) != string(plugintest.Testdata(t, "answers/tools.json")) {
		t.Errorf("got %s", got.Body)
	}
	if got.FinishReason != "tool_calls" || got.Model != "claude-sonnet-4-5-20250929" || got.Usage == nil || *got.Usage != wantUsage {
		t.Errorf("reported %+v, %+v", got.Meta, got.Usage)
	}
}

func TestOfMessagesOnlyModelAndStreamAreSet(t *testing.T) {
	t.Parallel()
	const tail = ` "max_tokens":5,"messages":[{"role":"user","content":"hi"}]}`
	for _, tt := range []struct {
		name, body, model, want string
		stream                  bool
	}{
		{name: "an alias", body: `{"model": "alias" ,` + tail, model: "claude-x", want: `{"model": "claude-x" ,` + tail},
		{name: "no model", body: `{` + tail, want: `{"model":"claude-sonnet-4-5",` + tail},
		{name: "a stream", body: `{"model":"m",` + tail, want: `{"stream":true,"model":"m",` + tail, stream: true},
		{name: "a stream that was asked for", body: `{"model":"m","stream" : true,` + tail, want: `{"model":"m","stream" : true,` + tail, stream: true},
		{name: "no stream", body: `{"model":"m","stream" : true,` + tail, want: `{"model":"m","stream" : false,` + tail},
	} {
		p := newPlatform(t, "message")
		req := plugintest.Request(opMessages, tt.body)
		req.Model = tt.model
		conn := open(t, p.URL)
		var err error
		if tt.stream {
			_, err = plugintest.Stream(t, conn, req)
		} else {
			_, err = conn.Call(t.Context(), req)
		}
		if err != nil {
			t.Fatal(tt.name, err)
		}
		if sent := <-p.Requests; sent.Body != tt.want {
			t.Errorf("%s: sent %s\nwant %s", tt.name, sent.Body, tt.want)
		}
	}
	if got := string(setField([]byte(` {} `), "model", []byte(`"m"`))); got != ` {"model":"m"} ` {
		t.Errorf("got %s", got)
	}
}

func TestEventsOfMessagesPassAsTheyAre(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"message", "tools", "foreign"} {
		p := newPlatform(t, name)
		got, err := plugintest.Stream(t, open(t, p.URL), plugintest.Request(opMessages, `{"model":"m","max_tokens":5,`+hi+`}`))
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		for line := range strings.SplitSeq(string(plugintest.Testdata(t, "streams/"+name+".sse")), "\n") {
			if data, ok := strings.CutPrefix(line, "data: "); ok {
				want = append(want, data)
			}
		}
		if !slices.Equal(got.Chunks, want) {
			t.Errorf("%s: got  %q\nwant %q", name, got.Chunks, want)
		}
		if got.Meta.Model == "" || got.Finish.Reason == "" || got.Finish.Usage == nil || *got.Finish.Usage != *got.Usage {
			t.Errorf("%s: reported %+v, %+v", name, got.Meta, got.Finish)
		}
	}
}

func TestTokensOfChatAreCounted(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, "")
	req := plugintest.Request(opCountTokens, `{"model":"alias","temperature":0,"max_tokens":9,"user":"u","stop":["E"],"service_tier":"auto","reasoning_effort":"low","cache_control":{"type":"ephemeral"},
		"tools":[`+weather+`],"tool_choice":"auto","messages":[{"role":"system","content":"One."},{"role":"user","content":"hi"}]}`)
	req.Model = "claude-opus-4-7"
	got, err := open(t, p.URL).Call(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	var counted struct {
		InputTokens int `json:"input_tokens"`
	}
	decode(t, string(got.Body), &counted)
	if counted.InputTokens != 42 || got.Model != "claude-opus-4-7" || got.RequestID != "req_platform" {
		t.Errorf("got %s, %+v", got.Body, got.Meta)
	}
	const want = `{"cache_control":{"type":"ephemeral"},"messages":[{"role":"user","content":[{"type":"text","text":"hi"}]}],"model":"claude-opus-4-7","output_config":{"effort":"low"},` +
		`"system":[{"type":"text","text":"One."}],"thinking":{"type":"adaptive"},"tool_choice":{"type":"auto"},"tools":[` + tool + `]}`
	sent := <-p.Requests
	var gotBody, wantBody any
	decode(t, sent.Body, &gotBody)
	decode(t, want, &wantBody)
	if sent.URL.Path != pathCount || string(encoded(gotBody)) != string(encoded(wantBody)) {
		t.Errorf("sent %s %s", sent.URL.Path, sent.Body)
	}
}

func TestModelsOfAllPagesAreListed(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, "")
	conn := open(t, p.URL)
	got, err := conn.Call(t.Context(), plugintest.Request(provider.OpModels, `{}`))
	if err != nil {
		t.Fatal(err)
	}
	var list provider.ModelList
	decode(t, string(got.Body), &list)
	if len(list.Data) != 2 || list.Data[0].ID != "claude-sonnet-4-5-20250929" || list.Data[0].Created != 1759104000 || list.Data[0].OwnedBy != "anthropic" ||
		string(list.Data[0].Extra["max_tokens"]) != "64000" || list.Data[1].ID != "claude-haiku-4-5-20251001" {
		t.Errorf("got %s", got.Body)
	}
	if first, second := <-p.Requests, <-p.Requests; first.URL.RequestURI() != "/v1/models?limit=1000" || second.URL.RequestURI() != "/v1/models?after_id=claude-sonnet-4-5-20250929&limit=1000" {
		t.Errorf("got %s and %s", first.URL.RequestURI(), second.URL.RequestURI())
	}
	if _, err := openWith(t, p.URL, testKey, plugintest.Settings{"base_url": p.URL + "/v1/"}).Call(t.Context(), plugintest.Request(provider.OpModels, `{}`)); err != nil {
		t.Errorf("the version cannot be in the address: %v", err)
	}
	if err := conn.TestEndpoint(t.Context(), plugintest.Request("", "")); err != nil {
		t.Errorf("the endpoint is not tested by its models: %v", err)
	}
}

func TestSettingsAndHeadersReachTheService(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, "message")
	ask := func(key string, settings plugintest.Settings, req *provider.Request) http.Header {
		t.Helper()
		if _, err := openWith(t, p.URL, key, settings).Call(t.Context(), req); err != nil {
			t.Fatal(err)
		}
		return (<-p.Requests).Header
	}
	body := `{` + hi + `}`
	forwarded := plugintest.Request(provider.OpChat, body)
	forwarded.Header = map[string]string{"anthropic-beta": "b2, b3"}
	own := plugintest.Request(provider.OpChat, body)
	own.Credential = provider.NewSecret("sk-ant-of-this-call")
	for _, tt := range []struct {
		name                       string
		sent                       http.Header
		version, beta, key, bearer string
	}{
		{"defaults", ask(testKey, nil, plugintest.Request(provider.OpChat, body)), "2023-06-01", "", testKey, ""},
		{
			"settings", ask(testKey, plugintest.Settings{"anthropic_version": "2030-01-01", "anthropic_beta": []string{"b1", "b2"}, "headers": map[string]string{"Anthropic-Beta": "b0"}}, forwarded),
			"2030-01-01", "b1,b2,b0,b3", testKey, "",
		},
		{"a token", ask("", plugintest.Settings{"auth_token": "tok-1"}, plugintest.Request(provider.OpChat, body)), "2023-06-01", "", "", "Bearer tok-1"},
		{"both", ask(testKey, plugintest.Settings{"auth_token": "tok-1"}, plugintest.Request(provider.OpChat, body)), "2023-06-01", "", testKey, "Bearer tok-1"},
		{"the call's own key", ask(testKey, plugintest.Settings{"auth_token": "tok-1"}, own), "2023-06-01", "", "sk-ant-of-this-call", ""},
		{"the call's own token", ask("", plugintest.Settings{"auth_token": "tok-1"}, own), "2023-06-01", "", "", "Bearer sk-ant-of-this-call"},
		{"none at all", ask("", nil, plugintest.Request(provider.OpChat, body)), "2023-06-01", "", "", ""},
	} {
		got := []string{tt.sent.Get("Anthropic-Version"), tt.sent.Get("Anthropic-Beta"), tt.sent.Get("X-Api-Key"), tt.sent.Get("Authorization")}
		if want := []string{tt.version, tt.beta, tt.key, tt.bearer}; !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", tt.name, got, want)
		}
	}
}

func TestAnthropicIsNotCalledWithoutAKey(t *testing.T) {
	t.Parallel()
	conn := openWith(t, platformURL, "", nil)
	for _, op := range []string{provider.OpChat, opMessages, opCountTokens, provider.OpModels} {
		_, err := conn.Call(t.Context(), plugintest.Request(op, `{`+hi+`}`))
		if e := plugintest.WantError(t, err, provider.CodeAuth); !strings.Contains(e.Message, "ANTHROPIC_API_KEY") {
			t.Errorf("got %v", e)
		}
	}
}

func TestMistakesOfSettingsNameTheirPlace(t *testing.T) {
	t.Parallel()
	conn := providertest.Dial(t, New())
	for path, settings := range map[string]string{
		"base_url":             `{"base_url":"api.anthropic.com"}`,
		"auth_token":           `{"auth_token":"a\nb"}`,
		"max_tokens":           `{"max_tokens":0}`,
		"thinking":             `{"thinking":"much"}`,
		`headers["x-api-key"]`: `{"headers":{"x-api-key":"k"}}`,
	} {
		diags, err := conn.OpenEndpoint(t.Context(), provider.EndpointConfig{ID: "e", Revision: 1, Settings: provider.NewSettings([]byte(settings))})
		if err != nil || len(diags) == 0 || diags[0].Path != path {
			t.Errorf("%s: got %v, %v", path, diags, err)
		}
	}
}

func TestBodiesThatAreNoneAreTheCallersMistake(t *testing.T) {
	t.Parallel()
	conn := open(t, plugintest.Serve(t, nil))
	for _, op := range []string{provider.OpChat, opMessages, opCountTokens} {
		for _, body := range []string{`{"messages":7}`, `[]`, `{`} {
			if op == opMessages && strings.HasPrefix(body, `{"`) {
				continue // the service's business
			}
			_, err := conn.Call(t.Context(), plugintest.Request(op, body))
			plugintest.WantError(t, err, provider.CodeInvalidRequest)
		}
	}
	_, err := conn.Call(t.Context(), plugintest.Request(opCountTokens, `{}`))
	if e := plugintest.WantError(t, err, provider.CodeInvalidRequest); e.Param != "messages" {
		t.Errorf("got %+v", e)
	}
}
