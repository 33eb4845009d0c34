package vllm

import (
	"encoding/json"
	"testing"

	"github.com/backplane-dev/backplane/sdk/provider"
)

func FuzzMetricsGiveJSONOrAnError(f *testing.F) {
	f.Add([]byte("# HELP x\nx{a=\"b\\\"c\",d=\"\\n\"} 1.5 1700000000\ny_bucket{le=\"+Inf\"} 2\nz NaN\n"))
	f.Add([]byte("x{a=\"} 1\n{} 1\nx 0x1p-2\nx{a=\"\xff\"} 1"))
	f.Fuzz(func(t *testing.T, text []byte) {
		out := &provider.Response{Body: text, ContentType: "text/plain"}
		if err := metrics(out); err != nil {
			if e := provider.AsError(err); e.Code != provider.CodeProtocol {
				t.Errorf("got %v", e)
			}
			return
		}
		var list struct{ Data []metric }
		if err := json.Unmarshal(out.Body, &list); err != nil || len(list.Data) == 0 || out.ContentType != "" {
			t.Errorf("%q became %s: %v", text, out.Body, err)
		}
	})
}
