package api_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/host/internal/api"
	"github.com/backplane-dev/backplane/sdk/provider"
)

const askBase64 = `{"model":"m","input":["a","b"],"encoding_format":"base64"}`

func TestFloatsBecomeBase64WhereItWasAskedFor(t *testing.T) {
	t.Parallel()
	const answer = `{"object":"list", "data":[{"object":"embedding","index":0,"embedding":[ 0.5, -1, 1e-3 ],"extra":[1,2]},` +
		`{"index":1,"embedding":[]}],"model":"m","usage":{"prompt_tokens":2,"total_tokens":2},"later":1.50}`
	core, rec := answering(answer)
	w := post(api.New(core, api.Options{}), "/v1/embeddings", askBase64)
	// Everything but the vectors stays byte for byte.
	want := strings.NewReplacer("[ 0.5, -1, 1e-3 ]", `"AAAAPwAAgL9vEoM6"`, `"embedding":[]`, `"embedding":""`).Replace(answer)
	if w.Code != 200 || w.Body.String() != want {
		t.Errorf("got  %d %s\nwant 200 %s", w.Code, w.Body, want)
	}
	if _, body := rec.request(); body != askBase64 {
		t.Errorf("the plugin was asked %s", body)
	}
	var decoded provider.EmbeddingResponse
	if err := json.Unmarshal(w.Body.Bytes(), &decoded); err != nil {
		t.Fatal(err)
	}
	if got := decoded.Data[0].Vector.Values; len(got) != 3 || got[0] != 0.5 || got[1] != -1 || got[2] != 1e-3 {
		t.Errorf("decoded %v", got)
	}
}

func TestVectorsStayAsTheyAreOtherwise(t *testing.T) {
	t.Parallel()
	const floats = `{"data":[{"embedding":[1,2]}]}`
	const done = `{"data":[{"embedding":"AACAPw=="}]}`
	const nested = `{"data":[{"embedding":[[1,2],[3,4]]}]}`
	tests := []struct{ name, path, request, answer string }{
		{"floats by default", "/v1/embeddings", `{"model":"m","input":"a"}`, floats},
		{"floats asked for", "/v1/embeddings", `{"model":"m","input":"a","encoding_format":"float"}`, floats},
		{"base64 already", "/v1/embeddings", askBase64, done},
		{"many vectors an input", "/v1/embeddings", askBase64, nested},
		{"another operation", "/v1/chat/completions", askBase64, floats},
	}
	for _, tt := range tests {
		core, _ := answering(tt.answer)
		if w := post(api.New(core, api.Options{}), tt.path, tt.request); w.Code != 200 || w.Body.String() != tt.answer {
			t.Errorf("%s: got %d %s", tt.name, w.Code, w.Body)
		}
	}
}

func TestBase64IsHonouredOnAnEndpointsOwnPathToo(t *testing.T) {
	t.Parallel()
	core, _ := answering(`{"data":[{"embedding":[1]}]}`)
	core.operations = []provider.Operation{{Name: "embeddings", Modes: []provider.Mode{provider.ModeCall}}}
	w := post(api.New(core, api.Options{}), "/v1/endpoints/fast/embeddings", askBase64)
	if want := `{"data":[{"embedding":"AACAPw=="}]}`; w.Body.String() != want {
		t.Errorf("got %s, want %s", w.Body, want)
	}
}

func TestAnAnswerThatCannotBeConvertedIsAProtocolError(t *testing.T) {
	t.Parallel()
	core, _ := answering(`<html>`)
	w := post(api.New(core, api.Options{}), "/v1/embeddings", askBase64)
	want := `{"error":{"message":"the provider's embeddings are not valid JSON: expected a value instead of '<' at byte 0 (line 1, column 1)","type":"server_error","param":null,"code":"protocol"}}`
	if w.Code != 502 || w.Body.String() != want {
		t.Errorf("got  %d %s\nwant 502 %s", w.Code, w.Body, want)
	}
}

func FuzzEncodeVectors(f *testing.F) {
	f.Add(`{"data":[{"embedding":[0.5,-1e-40,1e300,0]},{"embedding":[]}]}`)
	f.Add(`{"data":[{"embedding":[1 , 2e+1]}],"embedding":[1]}`)
	f.Fuzz(func(t *testing.T, answer string) {
		core, _ := answering(answer)
		w := post(api.New(core, api.Options{}), "/v1/embeddings", askBase64)
		if valid := json.Valid([]byte(answer)); (w.Code == 200) != valid {
			t.Fatalf("%q: status %d, valid %v", answer, w.Code, valid)
		}
		if w.Code != 200 {
			return
		}
		if !json.Valid(w.Body.Bytes()) {
			t.Fatalf("%q: answer %q is not JSON", answer, w.Body)
		}
		var before struct {
			Data []struct{ Embedding []float64 } `json:"data"`
		}
		var after provider.EmbeddingResponse
		if json.Unmarshal([]byte(answer), &before) != nil || json.Unmarshal(w.Body.Bytes(), &after) != nil || len(before.Data) != len(after.Data) {
			return // of another shape
		}
		for i := range before.Data {
			want, got := before.Data[i].Embedding, after.Data[i].Vector
			if !got.Base64 || len(got.Values) != len(want) {
				continue // a key in other letters or given twice; JSON decoders differ
			}
			for j := range want {
				if w, g := float32(want[j]), got.Values[j]; w != g && math.Abs(float64(w-g)) > 1e-6*math.Abs(float64(w)) {
					t.Fatalf("%q: vector %d has %v at %d, want %v", answer, i, g, j, w)
				}
			}
		}
	})
}
