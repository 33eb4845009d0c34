package reference

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestRequestsThatNoClientShouldMake(t *testing.T) {
	t.Parallel()
	const path = "/models/echo/inference"
	for name, tt := range map[string]struct {
		method, path, key, kind, body string
		status                        int
		want                          string
	}{
		"no key":             {method: "GET", path: "/models", status: 401, want: `"unauthorized"`},
		"the wrong key":      {method: "GET", path: "/", key: "Bearer x", status: 401, want: `"unauthorized"`},
		"another path":       {method: "GET", path: "/other", key: "Bearer k", status: 404, want: `"not_found"`},
		"an unescaped slash": {method: "GET", path: "/models/acme/upper", key: "Bearer k", status: 404, want: `"not_found"`},
		"another model":      {method: "GET", path: "/models/x", key: "Bearer k", status: 404, want: `"model_not_found"`},
		"another method":     {method: "POST", path: "/models", key: "Bearer k", status: 405, want: `"method_not_allowed"`},
		"no type":            {method: "POST", path: path, key: "Bearer k", body: `{"inputs":"a"}`, status: 400, want: "application/json"},
		"no JSON":            {method: "POST", path: path, key: "Bearer k", kind: "application/json", body: `{`, status: 400, want: `"invalid_request"`},
		"a list":             {method: "POST", path: path, key: "Bearer k", kind: "application/json", body: `[]`, status: 400, want: `"invalid_request"`},
		"params as a text":   {method: "POST", path: path, key: "Bearer k", kind: "application/json", body: `{"inputs":"a","params":"b"}`, status: 400, want: `"param":"params"`},
		"too much":           {method: "POST", path: path, key: "Bearer k", kind: "application/json", body: `{"inputs":"` + strings.Repeat("a", MaxRequestBytes) + `"}`, status: 413, want: `"request_too_large"`},
		"null for a default": {method: "POST", path: path, key: "Bearer k", kind: "application/json; charset=utf-8", body: `{"inputs":"a","max_tokens":null,"other":1}`, status: 200, want: `"outputs":"a"`},
		"a stop text":        {method: "POST", path: path, key: "Bearer k", kind: "application/json", body: `{"inputs":"a b c","params":{"stop":["b"]}}`, status: 200, want: `"outputs":"a "`},
		"an escaped name":    {method: "GET", path: "/models/acme%2Fupper", key: "Bearer k", status: 200, want: `"acme/upper"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequestWithContext(t.Context(), tt.method, tt.path, strings.NewReader(tt.body))
			r.Header.Set("Authorization", tt.key)
			r.Header.Set("Content-Type", tt.kind)
			w := httptest.NewRecorder()
			New("k", Models()).ServeHTTP(w, r)
			if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.want) || w.Header().Get("Content-Type") != "application/json" {
				t.Errorf("got %d %s", w.Code, w.Body)
			}
			if (tt.status == http.StatusUnauthorized) != (w.Header().Get("WWW-Authenticate") == "Bearer") {
				t.Errorf("got %v", w.Header())
			}
		})
	}
}
