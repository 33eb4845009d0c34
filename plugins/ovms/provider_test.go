package main

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strconv"
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

// profile is a server that says back what it was told.
func profile() providertest.Profile {
	infer := `{"id":"{{prompt}}","data":[1,2]}`
	return providertest.Profile{
		Service: &providertest.Service{
			Handler: http.HandlerFunc(echo),
			Error: func(_ int, message string) (string, string) {
				return "application/json", `{"error":` + string(encoded(message)) + `}`
			},
			StreamError: "data: {\"error\":\"the kit's service failed in mid-stream\"}\n\n",
		},
		Samples: []providertest.Sample{
			{Operation: opInfer, Mode: provider.ModeCall, Body: infer, Want: []string{"{{prompt}}"}},
			{Operation: opInferBinary, Mode: provider.ModeTransfer, Body: `{"inputs":[{"name":"a","shape":[1],"datatype":"FP32"}]}`, Data: []byte("1234"), DataType: typeBytes},
			{Operation: opPredict, Mode: provider.ModeCall, Body: `{"data":7}`, Want: []string{"predictions"}},
			{Operation: opModelMetadata, Mode: provider.ModeCall, Body: `{}`, Want: []string{"platform"}},
			{Operation: opModelReady, Mode: provider.ModeCall, Body: `{}`, Want: []string{`{"ready":true}`}},
			{Operation: opServerReady, Mode: provider.ModeCall, Body: `{}`, Want: []string{`{"ready":true}`}},
			{Operation: opServerLive, Mode: provider.ModeCall, Body: `{}`, Want: []string{`{"live":true}`}},
			{Operation: opConfigStatus, Mode: provider.ModeCall, Body: `{}`, Want: []string{"AVAILABLE"}},
			{Operation: opConfigReload, Mode: provider.ModeCall, Body: `{}`, Want: []string{`"reloaded":false`}},
		},
	}
}

func echo(w http.ResponseWriter, r *http.Request) {
	path := r.URL.Path
	body := ""
	switch {
	case strings.HasPrefix(path, "/v3"):
		healthy(w, r)
		return
	case strings.HasSuffix(path, "/infer"):
		var in struct{ ID string }
		data, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		_ = json.Unmarshal(data, &in) // bytes behind it do not matter
		body = `{"model_name":"m","id":` + string(encoded(in.ID)) + `,"outputs":[]}`
	case strings.HasSuffix(path, ":predict"):
		body = `{"predictions":[1]}`
	case strings.HasPrefix(path, "/v1/config"):
		body = `{"kit-model":{"model_version_status":[{"version":"1","state":"AVAILABLE"}]}}`
	case path == "/v2", strings.HasPrefix(path, "/v2/models/") && !strings.HasSuffix(path, "/ready"):
		body = `{"name":"m","version":"1","platform":"OpenVINO"}`
	}
	plugintest.Write(w, http.StatusOK, "application/json", body)
}

func TestTheReadmeSaysWhatTheManifestSays(t *testing.T) {
	t.Parallel()
	plugintest.CheckReadme(t, New().Describe())
	data, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	readme := strings.ToLower(string(data))
	for _, reason := range reasons {
		if !strings.Contains(readme, reason.text) {
			t.Errorf("README.md does not have the error %q", reason.text)
		}
	}
}

const hi = `{"model":"m","messages":[{"role":"user","content":"hi"}]}`

func TestDocumentedErrorsAreClassified(t *testing.T) {
	t.Parallel()
	plugintest.CheckErrors(t, open, provider.OpChat, hi)
}

// The descriptions beside the repository list all messages of the server: each
// must have its row among the errors above, with the same status.
func TestAllMessagesOfTheServerHaveARow(t *testing.T) {
	t.Parallel()
	facts, err := os.ReadFile("../../../shared/specs/ovms/ovms_rest_facts.json")
	if err != nil {
		t.Skip("the list is not beside the repository")
	}
	var list struct {
		Errors []struct {
			Status  string
			HTTP    int
			Message string
		}
	}
	if err := json.Unmarshal(facts, &list); err != nil {
		t.Fatal(err)
	}
	rows := string(plugintest.Testdata(t, "errors.json"))
	for _, e := range list.Errors {
		row := `"status": ` + strconv.Itoa(e.HTTP) + `, "body": {"error": "` + e.Message
		if e.HTTP >= 300 && !strings.Contains(rows, row) {
			t.Errorf("%s has no row", e.Status)
		}
	}
}

func TestErrorsOfTensorsAreClassified(t *testing.T) {
	t.Parallel()
	conn := open(t, plugintest.Serve(t, func(w http.ResponseWriter, _ *http.Request) {
		plugintest.Write(w, http.StatusPreconditionFailed, "application/json", `{"error":"Model could not be reshaped with requested shape"}`)
	}))
	for _, op := range []string{opInfer, opPredict, opModelMetadata, opModelStatus, opServerReady, opConfigReload, provider.OpModels} {
		_, err := conn.Call(t.Context(), plugintest.Request(op, `{"model":"m","data":1}`))
		if e := plugintest.WantError(t, err, provider.CodeInvalidRequest); e.StatusCode != http.StatusPreconditionFailed {
			t.Errorf("%s: got %+v", op, e)
		}
	}
	_, err := plugintest.Transfer(t, conn, plugintest.Request(opInferBinary, `{"model":"m","inputs":[{"name":"a"}]}`), []byte("1234"), "")
	plugintest.WantError(t, err, provider.CodeInvalidRequest)
}

func TestBrokenStreamsAreErrors(t *testing.T) {
	t.Parallel()
	plugintest.CheckBroken(t, open, provider.OpChat, hi, plugintest.BrokenChat)
}

func TestCancelClosesTheConnection(t *testing.T) {
	t.Parallel()
	plugintest.CheckCancel(t, open, provider.OpChat, hi, "text/event-stream", plugintest.FirstChunk)
}

func TestWrongAnswersAreErrors(t *testing.T) {
	t.Parallel()
	for body, code := range map[string]provider.Code{
		`<h1>Hello</h1>`:     provider.CodeProtocol,
		`{"outputs":`:        provider.CodeProtocol,
		`{}`:                 provider.CodeProtocol,
		`null`:               provider.CodeProtocol,
		`{"error":"broken"}`: provider.CodeUpstream,
	} {
		conn := open(t, plugintest.Serve(t, func(w http.ResponseWriter, _ *http.Request) {
			plugintest.Write(w, http.StatusOK, "application/json", body)
		}))
		for _, op := range []string{opInfer, opPredict, opModelMetadata} {
			_, err := conn.Call(t.Context(), plugintest.Request(op, `{"model":"m","data":1}`))
			plugintest.WantError(t, err, code)
		}
	}
}
