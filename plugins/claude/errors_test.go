package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/plugins/internal/plugintest"
	"github.com/backplane-dev/backplane/sdk/provider"
)

func TestDocumentedErrorsAreClassified(t *testing.T) {
	t.Parallel()
	plugintest.CheckErrors(t, open, provider.OpChat, `{`+hi+`}`)
	plugintest.CheckErrors(t, open, opMessages, `{`+hi+`}`)
}

func TestErrorsOfTheOtherOperationsAreClassifiedToo(t *testing.T) {
	t.Parallel()
	conn := open(t, plugintest.Serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("x-should-retry", "false")
		plugintest.Write(w, statusOverloaded, "application/json", `{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}`)
	}))
	for _, op := range []string{opCountTokens, provider.OpModels} {
		_, err := conn.Call(t.Context(), plugintest.Request(op, `{`+hi+`}`))
		if e := plugintest.WantError(t, err, provider.CodeOverloaded); e.Retry != provider.RetryNever || e.IsTransient() {
			t.Errorf("%s: the service's word on retrying was not heard: %+v", op, e)
		}
	}
}

func TestKeysNeverShowInErrors(t *testing.T) {
	t.Parallel()
	const token = "a token of a gateway"
	secretsOf := func(r *http.Request) string { return r.Header.Get("X-Api-Key") + " " + r.Header.Get("Authorization") }
	for _, key := range []string{testKey, plainKey} {
		for name, handler := range map[string]http.HandlerFunc{
			"repeated in an error": func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(http.StatusUnauthorized)
				_, _ = io.WriteString(w, `{"type":"error","error":{"type":"`+key+`","message":"invalid x-api-key `+secretsOf(r)+`"}}`)
			},
			"repeated in a page": func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "text/html")
				_, _ = io.WriteString(w, "<p>"+secretsOf(r)+"</p>")
			},
			"repeated in a stream": func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "text/event-stream")
				_, _ = io.WriteString(w, `data: {"type":"error","error":{"message":"`+secretsOf(r)+`"}}`+"\n\n")
			},
			"repeated in an event that is none": func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "text/event-stream")
				_, _ = io.WriteString(w, "data: <"+secretsOf(r)+">\n\n")
			},
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				conn := openWith(t, plugintest.Serve(t, handler), key, plugintest.Settings{"auth_token": token})
				_, callErr := conn.Call(t.Context(), plugintest.Request(provider.OpChat, `{`+hi+`}`))
				_, streamErr := plugintest.Stream(t, conn, plugintest.Request(opMessages, `{`+hi+`}`))
				for _, err := range []error{callErr, streamErr} {
					if err == nil {
						t.Fatal("got no error")
					}
					e := provider.AsError(err)
					all := strings.Join([]string{e.Error(), e.Type, e.UpstreamCode, e.Param, e.RequestID}, " ")
					if strings.Contains(all, key) || strings.Contains(all, token) {
						t.Errorf("got %s", all)
					}
				}
			})
		}
	}
}

func TestAServiceThatIsNotThereIsUnreachable(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(nil)
	conn := open(t, server.URL)
	server.Close()
	_, err := conn.Call(t.Context(), plugintest.Request(provider.OpChat, `{`+hi+`}`))
	plugintest.WantError(t, err, provider.CodeUnreachable)
	_, err = plugintest.Stream(t, conn, plugintest.Request(opMessages, `{`+hi+`}`))
	plugintest.WantError(t, err, provider.CodeUnreachable)
}
