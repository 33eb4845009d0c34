package main

import (
	"math"
	"reflect"
	"testing"

	"github.com/backplane-dev/backplane/sdk/provider"
)

func vectors(t *testing.T, settings, body string) []provider.Vector {
	t.Helper()
	resp, err := dial(t, settings).Call(t.Context(), request(provider.OpEmbeddings, body))
	if err != nil {
		t.Fatal(err)
	}
	var all []provider.Vector
	for i, e := range decode[provider.EmbeddingResponse](t, resp.Body).Data {
		if e.Index != i {
			t.Errorf("embedding %d has the index %d", i, e.Index)
		}
		all = append(all, e.Vector)
	}
	return all
}

func TestEmbeddingsDependOnTheTextAlone(t *testing.T) {
	t.Parallel()
	a := vectors(t, `{}`, `{"model":"echo","input":["one","two","one"]}`)
	b := vectors(t, `{"seed":7}`, `{"model":"other","input":"one"}`)
	if !reflect.DeepEqual(a[0], a[2]) || !reflect.DeepEqual(a[0], b[0]) {
		t.Error("equal texts have different vectors")
	}
	if reflect.DeepEqual(a[0], a[1]) {
		t.Error("different texts have equal vectors")
	}
}

func TestEmbeddingsHaveLengthOneAndTheDimensionsAskedFor(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		settings, body string
		want           int
	}{
		{`{}`, `{"input":"x"}`, 64},
		{`{"dimensions":3}`, `{"input":"x"}`, 3},
		{`{"dimensions":3}`, `{"input":"x","dimensions":1}`, 1},
		{`{}`, `{"input":"","dimensions":1536}`, 1536},
		{`{}`, `{"input":[[1,2],[3]],"dimensions":9}`, 9},
	} {
		for _, v := range vectors(t, tt.settings, tt.body) {
			sum := 0.0
			for _, x := range v.Values {
				sum += float64(x) * float64(x)
			}
			if len(v.Values) != tt.want || math.Abs(sum-1) > 1e-5 {
				t.Errorf("%s %s: %d dimensions of length %v, want %d of length 1", tt.settings, tt.body, len(v.Values), math.Sqrt(sum), tt.want)
			}
		}
	}
}

func TestEmbeddingsAreBase64IfAskedFor(t *testing.T) {
	t.Parallel()
	plain := vectors(t, `{}`, `{"input":"x"}`)[0]
	packed := vectors(t, `{}`, `{"input":"x","encoding_format":"base64"}`)[0]
	if plain.Base64 || !packed.Base64 || !reflect.DeepEqual(plain.Values, packed.Values) {
		t.Errorf("base64 is %v and %v, want false and true with the same values", plain.Base64, packed.Base64)
	}
}
