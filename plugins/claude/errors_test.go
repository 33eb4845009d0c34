package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
)

func TestDocumentedErrorsAreClassified(t *testing.T) {
	t.Parallel()
	var cases []struct {
		Name    string            `json:"name"`
		Status  int               `json:"status"`
		Headers map[string]string `json:"headers"`
		Body    json.RawMessage   `json:"body"`
		Want    struct {
			Code       provider.Code `json:"code"`
			Status     int           `json:"status"`
			Type       string        `json:"type"`
			Param      string        `json:"param"`
			Message    string        `json:"message"`
			RetryAfter string        `json:"retry_after"`
			Retry      string        `json:"retry"`
			RequestID  string        `json:"request_id"`
		} `json:"want"`
	}
	decode(t, string(testdata(t, "errors.json")), &cases)
	hints := map[string]provider.RetryHint{"": provider.RetryUnspecified, "always": provider.RetryAlways, "never": provider.RetryNever}
	for _, tt := range cases {
		t.Run(tt.Name, func(t *testing.T) {
			t.Parallel()
			url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				body := []byte(tt.Body)
				w.Header().Set("Content-Type", "application/json")
				var page string
				if json.Unmarshal(body, &page) == nil {
					body = []byte(page)
					w.Header().Set("Content-Type", "text/html")
				}
				for name, value := range tt.Headers {
					w.Header().Set(name, value)
				}
				w.WriteHeader(tt.Status)
				_, _ = w.Write(body)
			})
			conn := open(t, url, nil)
			after, _ := time.ParseDuration(tt.Want.RetryAfter) // "" is none
			want := provider.Error{
				Code: tt.Want.Code, StatusCode: tt.Want.Status, Message: tt.Want.Message, Type: tt.Want.Type, Param: tt.Want.Param,
				RetryAfter: after, Retry: hints[tt.Want.Retry], Source: provider.SourceUpstream, RequestID: tt.Want.RequestID,
			}
			failures := map[string]error{}
			for _, op := range []string{provider.OpChat, opMessages, opCountTokens, provider.OpModels} {
				_, failures[op] = conn.Call(t.Context(), request(op, `{`+hi+`}`))
			}
			for _, op := range []string{provider.OpChat, opMessages} {
				_, failures[op+", a stream"] = stream(t, conn, request(op, `{`+hi+`}`))
			}
			for op, err := range failures {
				got := *wantError(t, err, want.Code)
				got.Cause = nil
				if got != want {
					t.Errorf("%s: got  %+v\nwant %+v", op, got, want)
				}
			}
		})
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
				conn := openWithKey(t, serve(t, handler), key, map[string]any{"auth_token": token})
				_, callErr := conn.Call(t.Context(), request(provider.OpChat, `{`+hi+`}`))
				_, streamErr := stream(t, conn, request(opMessages, `{`+hi+`}`))
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
	conn := open(t, server.URL, nil)
	server.Close()
	_, err := conn.Call(t.Context(), request(provider.OpChat, `{`+hi+`}`))
	wantError(t, err, provider.CodeUnreachable)
	_, err = stream(t, conn, request(opMessages, `{`+hi+`}`))
	wantError(t, err, provider.CodeUnreachable)
}
