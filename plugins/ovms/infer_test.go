package main

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/plugins/internal/plugintest"
	"github.com/backplane-dev/backplane/sdk/provider"
)

func TestTensorsGoAsTheyAreAndComeBack(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	body := `{"model":"resnet","version":2,"id":"42","inputs":[{"name":"0","shape":[1,3],"datatype":"UINT64","data":[18446744073709551615,1,2.50]}],"outputs":[{"name":"1463"}],"parameters":{"a":true}}`
	got, err := open(t, f.URL).Call(t.Context(), plugintest.Request(opInfer, body))
	if err != nil {
		t.Fatal(err)
	}
	sent := <-f.Requests
	if sent.Line() != "POST /v2/models/resnet/versions/2/infer" || sent.Header.Get("Authorization") != "Bearer key" {
		t.Errorf("sent %s %v", sent.Line(), sent.Header)
	}
	want := `{"id":"42","inputs":[{"data":[18446744073709551615,1,2.50],"datatype":"UINT64","name":"0","shape":[1,3]}],"outputs":[{"name":"1463"}],"parameters":{"a":true}}`
	if sent.Body != want {
		t.Errorf("sent %s", sent.Body)
	}
	if !bytes.Equal(got.Body, plugintest.Testdata(t, "infer.json")) || got.Model != "resnet" || got.Status != http.StatusOK {
		t.Errorf("got %s, %+v", got.Body, got.Meta)
	}
}

// shapes are bodies of infer and predict and what the server gets of them.
var shapes = map[string]struct{ tensors, instances string }{
	`"data":7`: {
		`{"data":[[7]],"datatype":"FP32","name":"data","shape":[1,1]}`, `[{"data":[7]}]`,
	},
	`"data":[1,2.5]`: {
		`{"data":[[1,2.5]],"datatype":"FP32","name":"data","shape":[1,2]}`, `[{"data":[1,2.5]}]`,
	},
	`"data":[[1,2],[3,4],[5,6]]`: {
		`{"data":[[1,2],[3,4],[5,6]],"datatype":"FP32","name":"data","shape":[3,2]}`, `[{"data":[1,2]},{"data":[3,4]},{"data":[5,6]}]`,
	},
	`"data":{"b":[true,false],"a":["x"]}`: {
		`{"data":[["x"]],"datatype":"BYTES","name":"a","shape":[1,1]},{"data":[[true,false]],"datatype":"BOOL","name":"b","shape":[1,2]}`,
		`[{"a":["x"],"b":[true,false]}]`,
	},
	`"data":[{"a":1},{"a":2}]`: {
		`{"data":[1,2],"datatype":"FP32","name":"a","shape":[2]}`, `[{"a":1},{"a":2}]`,
	},
	`"data":[1,2],"input_name":"x","datatype":"INT64"`: {
		`{"data":[[1,2]],"datatype":"INT64","name":"x","shape":[1,2]}`, `[{"x":[1,2]}]`,
	},
	`"inputs":{"a":[[1,2]],"b":[3]}`: {
		`{"data":[[1,2]],"datatype":"FP32","name":"a","shape":[1,2]},{"data":[3],"datatype":"FP32","name":"b","shape":[1]}`, "",
	},
	`"inputs":[{"name":"a","data":[[[1],[2]]]},{"name":"b","shape":[0],"datatype":"INT8","data":[]}]`: {
		`{"data":[[[1],[2]]],"datatype":"FP32","name":"a","shape":[1,2,1]},{"data":[],"datatype":"INT8","name":"b","shape":[0]}`, "",
	},
}

func TestDataBecomeTensorsAndInstances(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	conn := open(t, f.URL)
	for body, want := range shapes {
		if _, err := conn.Call(t.Context(), plugintest.Request(opInfer, `{"model":"resnet",`+body+`}`)); err != nil {
			t.Errorf("%s: %v", body, err)
			continue
		}
		if sent := <-f.Requests; sent.Body != `{"inputs":[`+want.tensors+`]}` {
			t.Errorf("%s: sent %s", body, sent.Body)
		}
		if want.instances == "" {
			continue
		}
		got, err := conn.Call(t.Context(), plugintest.Request(opPredict, `{"model":"resnet",`+body+`}`))
		if err != nil || string(got.Body) != `{"predictions":[[0.25,0.75]]}` {
			t.Errorf("%s: got %v, %v", body, got, err)
			continue
		}
		if sent := <-f.Requests; sent.Body != `{"instances":`+want.instances+`}` || sent.Line() != "POST /v1/models/resnet:predict" {
			t.Errorf("%s: sent %s %s", body, sent.Line(), sent.Body)
		}
	}
}

func TestPredictTakesBothFormatsAsTheyAre(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	conn := open(t, f.URL)
	for _, body := range []string{`{"instances":[[1,2]],"signature_name":"s"}`, `{"inputs":{"a":[1.0]}}`} {
		req := plugintest.Request(opPredict, strings.Replace(body, "{", `{"model":"alias","version":"2",`, 1))
		req.Model = "resnet" // the host's word stands above the body's
		if _, err := conn.Call(t.Context(), req); err != nil {
			t.Fatal(err)
		}
		if sent := <-f.Requests; sent.Body != body || sent.Line() != "POST /v1/models/resnet/versions/2:predict" {
			t.Errorf("sent %s %s", sent.Line(), sent.Body)
		}
	}
}

func TestMistakesInTensorsAreNamed(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	conn := open(t, f.URL)
	for body, want := range map[string]string{
		`[]`:                                       "body must be a JSON object",
		`null`:                                     "body must be a JSON object",
		`{"data":1}`:                               `field "model" is required`,
		`{"model":"..","data":1}`:                  `field "model" is required`,
		`{"model":"m"}`:                            "is required",
		`{"model":"m","data":null}`:                "must not be null",
		`{"model":"m","data":[]}`:                  "is empty",
		`{"model":"m","data":{}}`:                  "without any tensor",
		`{"model":"m","data":[[1],{"a":1}]}`:       "item 1 is of another kind",
		`{"model":"m","data":1,"version":"one"}`:   `field "version" must be a number`,
		`{"model":"m","data":1,"inputs":[]}`:       "give ",
		`{"model":"m","data":1,"input_name":""}`:   `field "input_name"`,
		`{"model":"m","data":1,"datatype":"fp32"}`: `field "datatype" must be one of`,
	} {
		for _, op := range []string{opInfer, opPredict} {
			_, err := conn.Call(t.Context(), plugintest.Request(op, body))
			e := plugintest.WantError(t, err, provider.CodeInvalidRequest)
			if !strings.Contains(e.Message, want) || e.Source != provider.SourceCaller {
				t.Errorf("%s %s: got %+v", op, body, e)
			}
		}
	}
	for body, want := range map[string]string{
		`"data":[[1,2],[3]]`:       "different lengths",
		`"data":[1,[2]]`:           "different lengths",
		`"data":[1,"a"]`:           "mix numbers",
		`"data":[[[]]]`:            "empty list",
		`"data":[null]`:            "hold null",
		`"data":{"a":[{"b":1}]}`:   "hold an object",
		`"data":[{"a":1},{"b":2}]`: "names other tensors",
		`"inputs":[]`:              "must be a list of tensors",
		`"inputs":{}`:              "without any tensor",
		`"inputs":[{"name":"a"}]`:  `has no "data"`,
	} {
		_, err := conn.Call(t.Context(), plugintest.Request(opInfer, `{"model":"m",`+body+`}`))
		if e := plugintest.WantError(t, err, provider.CodeInvalidRequest); !strings.Contains(e.Message, want) || e.Param == "" {
			t.Errorf("%s: got %+v", body, e)
		}
	}
	if len(f.Requests) > 0 {
		t.Error("a refused request was sent")
	}
}

func TestBytesGoBothWays(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	data := "\x00\x00\x80?\xff}\x00\x01"[:5] + "\x00\x00\x01"
	body := `{"model":"resnet","inputs":[{"name":"0","shape":[2],"datatype":"FP32"}],"parameters":{"binary_data_output":true}}`
	got, err := plugintest.Transfer(t, open(t, f.URL), plugintest.Request(opInferBinary, body), []byte(data), typeBytes)
	if err != nil {
		t.Fatal(err)
	}
	sent := <-f.Requests
	head := `{"inputs":[{"datatype":"FP32","name":"0","parameters":{"binary_data_size":8},"shape":[2]}],"parameters":{"binary_data_output":true}}`
	if sent.Body != head+data || sent.Header.Get("Content-Type") != typeBytes || sent.ContentLength != int64(len(head+data)) {
		t.Errorf("sent %q of %d bytes, %v", sent.Body, sent.ContentLength, sent.Header)
	}
	if got.Head.Header["inference-header-content-length"] != "114" || !strings.HasSuffix(string(got.Body), data) {
		t.Errorf("got %q, %+v", got.Body, got.Head)
	}
}

func TestMistakesInBytesAreNamed(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	conn := open(t, f.URL)
	_, err := plugintest.Transfer(t, conn, plugintest.Request(opInferBinary, `{"model":"m","inputs":[{"name":"a"}]}`), nil, "")
	plugintest.WantError(t, err, provider.CodeInvalidRequest)
	for _, body := range []string{`{"model":"m"}`, `{"model":"m","inputs":[{"name":"a","parameters":7}]}`, `{"inputs":[{"name":"a"}]}`} {
		_, err := plugintest.Transfer(t, conn, plugintest.Request(opInferBinary, body), []byte("12"), "")
		plugintest.WantError(t, err, provider.CodeInvalidRequest)
	}
	if len(f.Requests) > 0 {
		t.Error("a refused request was sent")
	}
}

func TestAPipelineWithoutResult(t *testing.T) {
	t.Parallel()
	conn := open(t, plugintest.Serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	_, err := conn.Call(t.Context(), plugintest.Request(opInfer, `{"model":"m","data":1}`))
	plugintest.WantError(t, err, provider.CodeInvalidRequest)
	_, err = plugintest.Transfer(t, conn, plugintest.Request(opInferBinary, `{"model":"m","inputs":[{"name":"a"}]}`), []byte("1234"), "")
	plugintest.WantError(t, err, provider.CodeInvalidRequest)
}
