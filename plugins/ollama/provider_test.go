package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/plugins/internal/plugintest"
	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/providertest"
)

func TestConformance(t *testing.T) {
	providertest.Run(t, providertest.Harness{New: New, Profile: profile()})
}

func TestConformanceOfTheBinary(t *testing.T) {
	providertest.RunBinary(t, ".", profile())
}

func TestTheReadmeSaysWhatTheManifestSays(t *testing.T) {
	t.Parallel()
	plugintest.CheckReadme(t, New().Describe())
}

const request1 = `{"model":"m","messages":[{"role":"user","content":"hi"}]}`

func TestEachOperationOfOllamasOwnIsSentWhereItLies(t *testing.T) {
	t.Parallel()
	s := newFake(t)
	conn := open(t, s.URL)
	for _, tt := range []struct{ op, body, line, sent string }{
		{"generate", `{"model":"m","prompt":"a","suffix":"b"}`, "POST /api/generate", `{"model":"m","prompt":"a","stream":false,"suffix":"b"}`},
		{"show", `{"model":"m","verbose":true}`, "POST /api/show", `{"model":"m","verbose":true}`},
		{"ps", `{}`, "GET /api/ps", ""},
		{"pull", `{"model":"m"}`, "POST /api/pull", `{"model":"m","stream":false}`},
		{"copy", `{"source":"a","destination":"b"}`, "POST /api/copy", `{"destination":"b","source":"a"}`},
		{"delete", `{"model":"m"}`, "DELETE /api/delete", `{"model":"m"}`},
		{"version", ``, "GET /api/version", ""},
		{provider.OpModels, ``, "GET /api/tags", ""},
	} {
		if _, err := conn.Call(t.Context(), plugintest.Request(tt.op, tt.body)); err != nil {
			t.Errorf("%s: %v", tt.op, err)
		}
		if sent := <-s.Requests; sent.Line() != tt.line || sent.Body != tt.sent {
			t.Errorf("%s: sent %s %s", tt.op, sent.Line(), sent.Body)
		}
	}
	if err := conn.TestEndpoint(t.Context(), plugintest.Request("", "")); err != nil {
		t.Error(err)
	}
	if sent := <-s.Requests; sent.Line() != "GET /api/version" {
		t.Errorf("the test sent %s", sent.Line())
	}
}

func TestNoModelIsPulledOrDeletedThatWasNotNamed(t *testing.T) {
	t.Parallel()
	conn := open(t, "http://127.0.0.1:1")
	for _, op := range []string{"pull", "delete"} {
		req := plugintest.Request(op, `{}`)
		req.Model = "the-endpoints"
		_, err := conn.Call(t.Context(), req)
		if e := plugintest.WantError(t, err, provider.CodeInvalidRequest); e.Param != "model" {
			t.Errorf("%s: got %+v", op, e)
		}
	}
	s := newFake(t)
	req := plugintest.Request("delete", `{"model":"alias"}`)
	req.Model = "meant"
	if _, err := open(t, s.URL).Call(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	if sent := <-s.Requests; sent.Body != `{"model":"meant"}` {
		t.Errorf("sent %s", sent.Body)
	}
}

func TestOnlyAnIDThatFitsAHeaderIsSent(t *testing.T) {
	t.Parallel()
	s := newFake(t)
	conn := open(t, s.URL)
	for id, want := range map[string]string{"req_1": "req_1", "two words": "", "naïve": ""} {
		req := plugintest.Request("version", "")
		req.RequestID = id
		if _, err := conn.Call(t.Context(), req); err != nil {
			t.Fatal(err)
		}
		if got := (<-s.Requests).Header.Get("X-Request-Id"); got != want {
			t.Errorf("%q: sent %q", id, got)
		}
	}
}

func TestTheKeyOfACallStandsAboveTheEndpoints(t *testing.T) {
	t.Parallel()
	s := newFake(t)
	conn := plugintest.Open(t, New(), plugintest.Settings{"base_url": s.URL}, "key-of-endpoint")
	req := plugintest.Request("version", "")
	for _, want := range []string{"key-of-endpoint", "key-of-call"} {
		if _, err := conn.Call(t.Context(), req); err != nil {
			t.Fatal(err)
		}
		if got := (<-s.Requests).Header.Get("Authorization"); got != "Bearer "+want {
			t.Errorf("sent %q", got)
		}
		req.Credential = provider.NewSecret("key-of-call")
	}
}

func TestAPullTellsItsProgress(t *testing.T) {
	t.Parallel()
	s := newFake(t)
	got, err := plugintest.Stream(t, open(t, s.URL), plugintest.Request("pull", `{"model":"m"}`))
	if err != nil || len(got.Chunks) != 3 || !strings.Contains(got.Chunks[1], `"completed":40`) || got.Chunks[2] != `{"status":"success"}` {
		t.Errorf("got %+v, %v", got, err)
	}
	if sent := <-s.Requests; sent.Body != `{"model":"m","stream":true}` {
		t.Errorf("sent %s", sent.Body)
	}
}

func TestAFailureInAPullThatBeganWellIsAnError(t *testing.T) {
	t.Parallel()
	for message, code := range map[string]provider.Code{
		"pull model manifest: Get https://registry.example: dial tcp: lookup failed": provider.CodeUpstream,
		"pull model manifest: file does not exist":                                   provider.CodeNotFound,
	} {
		url := plugintest.Serve(t, func(w http.ResponseWriter, _ *http.Request) {
			plugintest.WriteParts(w, lines, "{\"status\":\"pulling manifest\"}\n", "{\"error\":\""+message+"\"}\n")
		})
		_, err := plugintest.Stream(t, open(t, url), plugintest.Request("pull", `{"model":"m"}`))
		if e := plugintest.WantError(t, err, code); !strings.Contains(e.Message, message) {
			t.Errorf("got %v", e)
		}
	}
}

func TestGenerateReportsItsTokens(t *testing.T) {
	t.Parallel()
	s := newFake(t)
	conn := open(t, s.URL)
	want := provider.Usage{Input: 3, Output: 2, Total: 5}
	got, err := conn.Call(t.Context(), plugintest.Request("generate", `{"model":"m","prompt":"a b"}`))
	if err != nil || *got.Usage != want || got.FinishReason != "stop" || !strings.Contains(string(got.Body), `"response":"a b"`) {
		t.Errorf("got %+v, %v", got, err)
	}
	all, err := plugintest.Stream(t, conn, plugintest.Request("generate", `{"model":"m","prompt":"a b"}`))
	if err != nil || *all.Finish.Usage != want || all.Meta.Model != "m" || all.Finish.Reason != "stop" || len(all.Chunks) != 3 {
		t.Errorf("got %+v, %v", all, err)
	}
}

func TestDocumentedErrorsAreClassified(t *testing.T) {
	t.Parallel()
	plugintest.CheckErrors(t, open, provider.OpChat, request1)
}

const part1 = "{\"model\":\"m\",\"created_at\":\"2026-01-01T00:00:00Z\",\"message\":{\"role\":\"assistant\",\"content\":\"a\"},\"done\":false}\n"

func TestBrokenStreamsAreErrors(t *testing.T) {
	t.Parallel()
	cases := map[string]plugintest.Broken{
		"cut after a line":       {ContentType: lines, Parts: []string{part1}, Code: provider.CodeProtocol},
		"cut inside a line":      {ContentType: lines, Parts: []string{part1, part1[:20]}, Code: provider.CodeProtocol},
		"nothing":                {ContentType: lines, Code: provider.CodeProtocol},
		"no JSON":                {ContentType: lines, Parts: []string{part1, "oops\n"}, Code: provider.CodeProtocol},
		"another shape":          {ContentType: lines, Parts: []string{part1, "{\"message\":7}\n"}, Code: provider.CodeProtocol},
		"a page":                 {ContentType: "text/html", Parts: []string{"<h1>Hello</h1>"}, Code: provider.CodeProtocol},
		"an error in mid-stream": {ContentType: lines, Parts: []string{part1, "{\"error\":\"out of memory\"}\n"}, Code: provider.CodeUpstream},
		"an error with a line":   {ContentType: lines, Parts: []string{part1 + "{\"error\":\"out of memory\"}\n"}, Code: provider.CodeUpstream},
		"an error at once":       {ContentType: lines, Parts: []string{"{\"error\":\"model 'm' not found\"}\n"}, Code: provider.CodeNotFound},
	}
	plugintest.CheckBroken(t, open, provider.OpChat, request1, cases)
	plugintest.CheckBroken(t, open, "generate", `{"model":"m","prompt":"a"}`, cases)
}

func TestBrokenAnswersAreErrors(t *testing.T) {
	t.Parallel()
	for body, code := range map[string]provider.Code{
		part1:              provider.CodeProtocol, // not done
		`{"message":7}`:    provider.CodeProtocol,
		`<h1>Hello</h1>`:   provider.CodeProtocol,
		`{"error":"oops"}`: provider.CodeUpstream,
	} {
		url := plugintest.Serve(t, func(w http.ResponseWriter, _ *http.Request) {
			plugintest.Write(w, http.StatusOK, "application/json", body)
		})
		_, err := open(t, url).Call(t.Context(), plugintest.Request(provider.OpChat, request1))
		plugintest.WantError(t, err, code)
	}
}

func TestCancelClosesTheConnection(t *testing.T) {
	t.Parallel()
	plugintest.CheckCancel(t, open, provider.OpChat, request1, lines, part1)
}

func TestAnAddressThatCannotBeReadIsAMistakeOfTheSetting(t *testing.T) {
	t.Parallel()
	_, diags := plugintest.TryOpen(t, New(), plugintest.Settings{"base_url": "unix:///run/ollama.sock"}, "")
	if len(diags) != 1 || diags[0].Path != "base_url" {
		t.Errorf("got %+v", diags)
	}
}
