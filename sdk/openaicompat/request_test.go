package openaicompat

import (
	"net/http"
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/schema"
)

func TestARequestGoesOutAsItCameButForTheFieldsThatMustDiffer(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		dialect func(*Dialect)
		op      string
		stream  bool
		model   string // of the request
		body    string
		want    string
	}{
		"untouched": {op: provider.OpChat, body: ` {"model" : "m", "x_new":[1.50, {"a":null}] } `, want: ` {"model" : "m", "x_new":[1.50, {"a":null}] } `},
		"the model of the request stands above that of the body": {
			op: provider.OpChat, model: "other", body: `{"a":1,"model":"alias"}`, want: `{"a":1,"model":"other"}`,
		},
		"no model anywhere": {op: provider.OpChat, body: `{"a":1}`, want: `{"model":"acme-default","a":1}`},
		"a model of the operation's own": {
			dialect: func(d *Dialect) { d.Operations[3].Model = "acme-embed" },
			op:      provider.OpEmbeddings, body: `{"input":"x"}`, want: `{"model":"acme-embed","input":"x"}`,
		},
		"a call is no stream": {
			op: provider.OpChat, body: `{"model":"m","stream":true,"stream_options":{"include_usage":true}}`, want: `{"model":"m"}`,
		},
		"a stream asks for usage": {
			op: provider.OpChat, stream: true, body: `{"model":"m"}`,
			want: `{"stream":true,"stream_options":{"include_usage":true},"model":"m"}`,
		},
		"a stream that asked for usage itself": {
			op: provider.OpChat, stream: true, body: `{"model":"m","stream":true,"stream_options":{"include_usage":true}}`,
			want: `{"model":"m","stream":true,"stream_options":{"include_usage":true}}`,
		},
		"stream options of another kind are kept": {
			op: provider.OpChat, stream: true, body: `{"model":"m","stream":true,"stream_options":{"include_obfuscation":false,"include_usage":false}}`,
			want: `{"model":"m","stream":true,"stream_options":{"include_obfuscation":false,"include_usage":true}}`,
		},
		"stream options that are null": {
			op: provider.OpChat, stream: true, body: `{"model":"m","stream_options":null,"stream":true}`,
			want: `{"model":"m","stream_options":{"include_usage":true},"stream":true}`,
		},
		"stream options that are wrong are the service's to refuse": {
			op: provider.OpChat, stream: true, body: `{"model":"m","stream":true,"stream_options":7}`, want: `{"model":"m","stream":true,"stream_options":7}`,
		},
		"a service without stream options": {
			dialect: func(d *Dialect) { d.NoStreamUsage = true },
			op:      provider.OpChat, stream: true, body: `{"model":"m"}`, want: `{"stream":true,"model":"m"}`,
		},
		"responses have no stream options": {op: provider.OpResponses, stream: true, body: `{"model":"m"}`, want: `{"stream":true,"model":"m"}`},
		"fields of another name": {
			dialect: func(d *Dialect) {
				d.Operations[0].Rename = map[string]string{"max_completion_tokens": "max_tokens", "user": ""}
			},
			op: provider.OpChat, body: `{"model":"m","max_completion_tokens":5,"user":"u"}`, want: `{"model":"m","max_tokens":5}`,
		},
		"a setting as a field's default": {
			dialect: func(d *Dialect) {
				d.Settings = []Setting{{
					Attribute: schema.Attribute{Name: "tier", Type: schema.String, Default: "flex"}, Field: "service_tier", Operations: []string{provider.OpChat},
				}}
			},
			op: provider.OpChat, body: `{"model":"m"}`, want: `{"service_tier":"flex","model":"m"}`,
		},
		"a setting that is another operation's": {
			dialect: func(d *Dialect) {
				d.Settings = []Setting{{
					Attribute: schema.Attribute{Name: "tier", Type: schema.String, Default: "flex"}, Field: "service_tier", Operations: []string{provider.OpChat},
				}}
			},
			op: provider.OpEmbeddings, body: `{"model":"m"}`, want: `{"model":"m"}`,
		},
		"nothing to send": {op: provider.OpBatchesCancel, body: `{"batch_id":"b"}`, want: ``},
		"a batch has no model": {
			op: provider.OpBatchesCreate, model: "m", body: `{"input_file_id":"f"}`, want: `{"input_file_id":"f"}`,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newService(t, func(w http.ResponseWriter, r *http.Request) {
				if tt.stream {
					answerSSE("data: {\"choices\":[]}\n\ndata: [DONE]\n\n", "")(w, r)
				} else {
					answerJSON(200, `{"object":"x"}`)(w, r)
				}
			})
			e := s.open(t, dialect(tt.dialect), nil)
			req := &provider.Request{Operation: tt.op, Model: tt.model, Body: []byte(tt.body)}
			var err error
			if tt.stream && tt.op == provider.OpChat {
				_, err = e.Stream(t.Context(), req, &sink{})
			} else if tt.stream {
				_, _ = e.Stream(t.Context(), req, &sink{}) // the answer is not of its kind
			} else {
				_, err = e.Call(t.Context(), req)
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := <-s.requests; got.body != tt.want {
				t.Errorf("got  %s\nwant %s", got.body, tt.want)
			}
		})
	}
}

func TestABodyThatIsNoObjectIsTheCallersFault(t *testing.T) {
	t.Parallel()
	s := newService(t, answerJSON(200, `{"object":"x"}`))
	e := s.open(t, dialect(nil), nil)
	for op, body := range map[string]string{
		provider.OpChat: `{"model":`, provider.OpEmbeddings: ``, provider.OpFilesList: `[]`, provider.OpFilesGet: `{"file_id":"x"`,
	} {
		_, err := s.call(t, e, op, body)
		got := wantError(t, err, provider.CodeInvalidRequest)
		if got.Source != provider.SourceCaller || !strings.Contains(got.Message, "not a JSON object") {
			t.Errorf("%s: got %+v", op, got)
		}
	}
	if len(s.requests) != 0 {
		t.Error("the service was asked all the same")
	}
}

func TestParametersGoIntoPathAndQuery(t *testing.T) {
	t.Parallel()
	s := newService(t, answerJSON(200, `{"object":"x"}`))
	e := s.open(t, dialect(func(d *Dialect) {
		d.Settings = []Setting{{
			Attribute: schema.Attribute{Name: "api_version", Type: schema.String, Default: "2026-01"}, Query: "api-version",
		}}
	}), nil)
	for _, tt := range []struct{ op, body, want string }{
		{provider.OpModels, ``, "GET /v1/models?api-version=2026-01"},
		{provider.OpModels, `{"model":"m","stream":false}`, "GET /v1/models?api-version=2026-01"},
		{provider.OpFilesList, `{"limit":2,"after":"file-1","purpose":"batch","x":true,"none":null}`,
			"GET /v1/files?after=file-1&api-version=2026-01&limit=2&purpose=batch&x=true"},
		{provider.OpFilesList, `{"include[]":["a","b"]}`, "GET /v1/files?api-version=2026-01&include%5B%5D=a&include%5B%5D=b"},
		{provider.OpFilesGet, `{"file_id":"a/b?c"}`, "GET /v1/files/a%2Fb%3Fc?api-version=2026-01"},
		{provider.OpFilesDelete, `{"file_id":"f"}`, "DELETE /v1/files/f?api-version=2026-01"},
		{provider.OpBatchesGet, `{"batch_id":7}`, "GET /v1/batches/7?api-version=2026-01"},
		{provider.OpBatchesCancel, `{"batch_id":"b"}`, "POST /v1/batches/b/cancel?api-version=2026-01"},
	} {
		if _, err := s.call(t, e, tt.op, tt.body); err != nil {
			t.Errorf("%s %s: %v", tt.op, tt.body, err)
			continue
		}
		got := <-s.requests
		if line := got.Method + " " + got.URL.RequestURI(); line != tt.want {
			t.Errorf("%s %s: got %s, want %s", tt.op, tt.body, line, tt.want)
		}
	}
}

func TestAPathParameterMustBeGivenAndLeadNowhereElse(t *testing.T) {
	t.Parallel()
	s := newService(t, answerJSON(200, `{"object":"x"}`))
	e := s.open(t, dialect(nil), nil)
	for _, body := range []string{``, `{}`, `{"file_id":""}`, `{"file_id":null}`, `{"file_id":".."}`, `{"file_id":"."}`, `{"file_id":["a"]}`} {
		_, err := s.call(t, e, provider.OpFilesGet, body)
		if got := wantError(t, err, provider.CodeInvalidRequest); got.Param != "file_id" {
			t.Errorf("%s: got %+v", body, got)
		}
	}
}

func TestTheKeyIsSentAsTheDialectSays(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		auth         Auth
		header, want string
	}{
		"bearer":          {Auth{}, "Authorization", "Bearer key-of-endpoint"},
		"a header":        {Auth{Header: "api-key"}, "Api-Key", "key-of-endpoint"},
		"a prefix":        {Auth{Header: "Authorization", Prefix: "Token "}, "Authorization", "Token key-of-endpoint"},
		"a prefix, alone": {Auth{Prefix: "Key "}, "Authorization", "Key key-of-endpoint"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newService(t, answerJSON(200, `{"object":"x"}`))
			e := s.open(t, dialect(func(d *Dialect) { d.Auth = tt.auth }), nil)
			for credential, want := range map[string]string{"": tt.want, "key-of-call": strings.Replace(tt.want, "endpoint", "call", 1)} {
				req := &provider.Request{Operation: provider.OpModels, Credential: provider.NewSecret(credential)}
				if _, err := e.Call(t.Context(), req); err != nil {
					t.Fatal(err)
				}
				if got := (<-s.requests).Header.Get(tt.header); got != want {
					t.Errorf("got %q, want %q", got, want)
				}
			}
		})
	}
}

func TestHeadersComeFromDialectOperatorAndCaller(t *testing.T) {
	t.Parallel()
	s := newService(t, answerJSON(200, `{"object":"x"}`))
	e := s.open(t, dialect(func(d *Dialect) {
		d.Headers = map[string]string{"x-fixed": "1", "x-both": "dialect"}
		d.ForwardHeaders = []string{"x-beta", "x-both", "authorization", "content-type", "x-broken"}
		d.RequestIDHeader = "X-Client-Request-Id"
		d.Settings = []Setting{{Attribute: schema.Attribute{Name: "organization", Type: schema.String}, Header: "X-Org"}}
	}), map[string]any{"headers": map[string]string{"X-Both": "operator"}, "organization": "org-1"})
	for id, wantID := range map[string]string{"req_1": "req_1", "not ascii ä": "", strings.Repeat("x", 513): "", "": ""} {
		_, err := e.Call(t.Context(), &provider.Request{
			Operation: provider.OpModels, RequestID: id,
			Header: map[string]string{
				"x-beta": "b", "x-both": "caller", "authorization": "Bearer stolen", "content-type": "text/evil",
				"x-broken": "a\r\nX-Injected: 1", "x-not-asked-for": "1",
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		got := (<-s.requests).Header
		for name, want := range map[string]string{
			"X-Fixed": "1", "X-Both": "operator", "X-Beta": "b", "X-Org": "org-1", "Authorization": "Bearer key-of-endpoint",
			"Content-Type": "", "X-Broken": "", "X-Injected": "", "X-Not-Asked-For": "", "X-Client-Request-Id": wantID,
			"User-Agent": "backplane-provider-acme/1.2.3",
		} {
			if got.Get(name) != want {
				t.Errorf("request id %.20q: %s is %q, want %q", id, name, got.Get(name), want)
			}
		}
	}
}

func TestWithoutAKeyTheAnswerSaysWhereToPutIt(t *testing.T) {
	t.Parallel()
	e, err := openWith(dialect(nil), map[string]any{}, "")
	if err != nil {
		t.Fatal(err)
	}
	want := "no key for acme; set api_key in the endpoint or the environment variable ACME_KEY"
	_, err = e.Call(t.Context(), &provider.Request{Operation: provider.OpChat, Body: []byte("{}")})
	if got := wantError(t, err, provider.CodeAuth); got.Message != want {
		t.Errorf("got %q, want %q", got.Message, want)
	}
	wantError(t, e.Test(t.Context(), &provider.Request{}), provider.CodeAuth)
}

func TestOperationsThatAreNotOfferedAreUnsupported(t *testing.T) {
	t.Parallel()
	e, err := openWith(dialect(func(d *Dialect) { d.Operations = Standard(provider.OpChat) }), map[string]any{}, "k")
	if err != nil {
		t.Fatal(err)
	}
	_, err = e.Call(t.Context(), &provider.Request{Operation: provider.OpEmbeddings, Body: []byte("{}")})
	wantError(t, err, provider.CodeUnsupported)
	_, err = e.Transfer(t.Context(), &provider.TransferRequest{Request: provider.Request{Operation: provider.OpChat}}, &transferSink{})
	wantError(t, err, provider.CodeUnsupported)
	wantError(t, e.Test(t.Context(), &provider.Request{}), provider.CodeUnsupported)
}
