package main

import (
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/plugins/internal/plugintest"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// failures are the rows of testdata/errors.json.
func failures(t *testing.T) (rows []struct {
	Status  int
	Code    string
	Message string
	Want    provider.Code
	Param   string
}) {
	t.Helper()
	if err := json.Unmarshal(plugintest.Testdata(t, "errors.json"), &rows); err != nil {
		t.Fatal(err)
	}
	return rows
}

func TestDocumentedErrorsAreClassified(t *testing.T) {
	t.Parallel()
	for _, row := range failures(t) {
		t.Run(row.Code, func(t *testing.T) {
			t.Parallel()
			conn := open(t, plugintest.Serve(t, func(w http.ResponseWriter, _ *http.Request) { refuse(w, row.Status, row.Code, row.Message) }))
			_, callErr := conn.Call(t.Context(), plugintest.Request(opList, `{"bucket":"photos"}`))
			_, _, getErr := download(t, conn, thing)
			_, putErr := upload(t, conn, thing, strings.NewReader("x"), 1)
			for _, err := range []error{callErr, getErr, putErr} {
				e := plugintest.WantError(t, err, row.Want)
				if e.StatusCode != row.Status || e.UpstreamCode != row.Code || e.Message != row.Message || e.Param != row.Param ||
					e.RequestID != "REQ1" || e.Source != provider.SourceUpstream {
					t.Errorf("got %+v", e)
				}
			}
		})
	}
}

func TestEachCodeHasARowInTheTestAndInTheReadme(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	tested := map[string]bool{}
	for _, row := range failures(t) {
		tested[row.Code] = true
	}
	for code, class := range classes {
		if !tested[code] {
			t.Errorf("testdata/errors.json has no row for %s", code)
		}
		found := false
		for line := range strings.Lines(string(readme)) {
			found = found || strings.HasPrefix(line, "| `"+string(class.code)+"` |") && strings.Contains(line, "`"+code+"`")
		}
		if !found {
			t.Errorf("README.md does not have %s in the row of %s", code, class.code)
		}
	}
}

func TestStatusesWithoutADocumentAreClassified(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]provider.Error{
		304: {Code: provider.CodeConflict, UpstreamCode: "NotModified"},
		301: {Code: provider.CodeInvalidRequest, Param: "bucket"},
		403: {Code: provider.CodePermission},
		404: {Code: provider.CodeNotFound},
		409: {Code: provider.CodeConflict},
		412: {Code: provider.CodeConflict, UpstreamCode: "PreconditionFailed"},
		416: {Code: provider.CodeInvalidRequest, UpstreamCode: "InvalidRange", Param: "range"},
		503: {Code: provider.CodeUpstream},
	} {
		conn := open(t, plugintest.Serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
		_, err := conn.Call(t.Context(), plugintest.Request(opHead, thing))
		e := plugintest.WantError(t, err, want.Code)
		if e.StatusCode != status || e.UpstreamCode != want.UpstreamCode || e.Param != want.Param || e.Message == "" {
			t.Errorf("%d: got %+v", status, e)
		}
	}
}

func TestWhereABucketIsElsewhereTheErrorSaysWhere(t *testing.T) {
	t.Parallel()
	conn := open(t, plugintest.Serve(t, func(w http.ResponseWriter, _ *http.Request) {
		plugintest.Write(w, 400, "application/xml", "<Error><Code>AuthorizationHeaderMalformed</Code><Message>the region is wrong</Message><Region>eu-west-1</Region></Error>")
	}))
	_, err := conn.Call(t.Context(), plugintest.Request(opList, `{"bucket":"photos"}`))
	if e := plugintest.WantError(t, err, provider.CodeAuth); e.Message != "the region is wrong (region eu-west-1: see the setting region)" {
		t.Errorf("got %q", e.Message)
	}
}

func TestKeysNeverShowInErrors(t *testing.T) {
	t.Parallel()
	conn := open(t, plugintest.Serve(t, func(w http.ResponseWriter, r *http.Request) {
		refuse(w, 403, "SignatureDoesNotMatch", "your key "+testKey+" and "+testSecret+" and "+r.Header.Get("Authorization"))
	}))
	_, err := conn.Call(t.Context(), plugintest.Request(opList, `{"bucket":"photos"}`))
	e := plugintest.WantError(t, err, provider.CodeAuth)
	if strings.Contains(e.Message, testKey) || strings.Contains(e.Message, testSecret) {
		t.Errorf("got %s", e.Message)
	}
}

func TestMistakesInParametersNameTheField(t *testing.T) {
	t.Parallel()
	s, conn := withStore(t)
	for _, tt := range []struct{ operation, body, param string }{
		{opList, `{}`, "bucket"}, {opList, `{"bucket":"a/b"}`, "bucket"}, {opList, `{"bucket":"photos","max_keys":0}`, "max_keys"},
		{opList, `{"bucket":"photos","max_keys":1001}`, "max_keys"}, {opList, `{"bucket":"photos","prefx":"a"}`, "prefx"},
		{opList, `{"bucket":5}`, "bucket"}, {opList, `{"bucket":"photos"} {}`, ""}, {opList, `{"bucket":"photos","max_keys":"x"}`, ""},
		{opHead, `{"bucket":"photos"}`, "key"}, {opHead, `{"bucket":"photos","key":"a/../b"}`, "key"},
		{opHead, `{"bucket":"photos","key":"k","if_match":"a\nb"}`, "if_match"},
		{opCopy, `{"bucket":"photos","key":"k"}`, "source_key"}, {opCopy, `{"bucket":"photos","key":"k","source_key":"l","version_id":"v"}`, "version_id"},
		{opCopy, `{"bucket":"photos","key":"k","source_key":"l","metadata":{"a b":"c"}}`, "metadata"},
		{opPresign, `{"bucket":"photos","key":"k","method":"POST"}`, "method"}, {opPresign, `{"bucket":"photos","key":"k","expires_in":604801}`, "expires_in"},
		{opBucketCreate, `{"bucket":""}`, "bucket"}, {opBucketList, `{"prefix":"x"}`, "prefix"},
	} {
		_, err := conn.Call(t.Context(), plugintest.Request(tt.operation, tt.body))
		if e := plugintest.WantError(t, err, provider.CodeInvalidRequest); e.Param != tt.param || e.Source != provider.SourceCaller {
			t.Errorf("%s %s: got %+v", tt.operation, tt.body, e)
		}
	}
	for params, param := range map[string]string{
		`{"bucket":"photos","key":"k","metadata":{"a":"ä"}}`: "metadata", `{"bucket":"photos","key":"k","checksum_sha256":"x"}`: "checksum_sha256",
		`{"bucket":"photos","key":"k","checksum_crc32":"x"}`: "checksum_crc32", `{"bucket":"photos","key":"k","version_id":"v"}`: "version_id",
		`{"bucket":"photos","key":"k","content_type":"a\nb"}`: "content_type",
	} {
		_, err := upload(t, conn, params, strings.NewReader("x"), 1)
		if e := plugintest.WantError(t, err, provider.CodeInvalidRequest); e.Param != param {
			t.Errorf("%s: got %+v", params, e)
		}
	}
	req := plugintest.Request(opList, `{"bucket":"photos"}`)
	req.Credential = provider.NewSecret("a-key-of-the-caller")
	_, err := conn.Call(t.Context(), req)
	plugintest.WantError(t, err, provider.CodeInvalidRequest)
	if lines := s.lines(); len(lines) != 0 {
		t.Errorf("the service got %v", lines)
	}
}
