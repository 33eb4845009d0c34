package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"sync/atomic"

	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/rest"
)

// headerLength says how many bytes of JSON stand before the tensors' bytes.
const headerLength = "Inference-Header-Content-Length"

const typeBytes = "application/octet-stream"

// inferBinary runs a model on tensors as bytes, KServe's binary extension: the
// operation's body is the JSON part, the upload the bytes of all tensors in
// their order. The answer goes back as it is.
func (e *endpoint) inferBinary(ctx context.Context, req *provider.TransferRequest, out provider.TransferSink) (provider.Finish, error) {
	if e.own.API == apiTFS {
		return provider.Finish{}, provider.Errorf(provider.CodeUnsupported, `operation "infer.binary" is not there at an endpoint with api = "tfs"; use "predict"`)
	}
	t, err := e.target(&req.Request)
	if err != nil {
		return provider.Finish{}, err
	}
	head, err := binaryHead(t, req)
	if err != nil {
		return provider.Finish{}, err
	}
	source := &gate{data: req.Data}
	defer source.closed.Store(true)
	call := &rest.Request{
		Method: http.MethodPost, Path: t.path("/v2") + "/infer", Header: e.Header.Clone(), ContentType: typeBytes,
		Upload: io.MultiReader(bytes.NewReader(head), source), UploadLength: -1,
	}
	call.Header.Set(headerLength, strconv.Itoa(len(head)))
	if req.DataLength >= 0 {
		call.UploadLength = int64(len(head)) + req.DataLength
	}
	resp, err := e.do(ctx, &req.Request, call)
	if err != nil {
		return provider.Finish{}, err
	}
	defer resp.Close()
	if resp.Status == http.StatusNoContent {
		return provider.Finish{}, noResult()
	}
	return provider.Finish{}, passOn(resp, out)
}

// binaryHead is the JSON part. Where there is one tensor, its number of bytes is
// that of the upload and need not be given.
func binaryHead(t *target, req *provider.TransferRequest) ([]byte, error) {
	if req.Data == nil {
		return nil, invalid("", "there is no upload: send the tensors' bytes, or JSON with the operation infer")
	}
	var inputs []row
	if err := json.Unmarshal(t.fields["inputs"], &inputs); err != nil || len(inputs) == 0 {
		return nil, invalid("inputs", `field "inputs" is required: a list of tensors without "data"`)
	}
	const size = "binary_data_size"
	parameters := row{}
	if raw, ok := inputs[0]["parameters"]; ok {
		if err := json.Unmarshal(raw, &parameters); err != nil || parameters == nil {
			return nil, invalid("inputs[0].parameters", "the parameters of a tensor must be an object")
		}
	}
	if len(inputs) == 1 && parameters[size] == nil && inputs[0]["data"] == nil && req.DataLength >= 0 {
		parameters[size] = encoded(req.DataLength)
		var err error
		if inputs[0]["parameters"], err = json.Marshal(parameters); err != nil {
			return nil, err
		}
		if t.fields["inputs"], err = json.Marshal(inputs); err != nil {
			return nil, err
		}
	}
	return json.Marshal(t.fields)
}

// passOn copies the answer as it arrives, with the length of its JSON part.
func passOn(resp *rest.Response, out provider.TransferSink) error {
	head := provider.TransferHead{Meta: resp.Meta(), ContentType: resp.Header.Get("Content-Type"), Length: resp.Length}
	if length := resp.Header.Get(headerLength); length != "" {
		head.Header = map[string]string{"inference-header-content-length": length}
	}
	if err := out.Start(head); err != nil {
		return err
	}
	_, err := io.CopyBuffer(onlyWriter{out}, onlyReader{resp}, make([]byte, 64<<10))
	return err
}

// onlyReader and onlyWriter keep io.Copy to the given buffer.
type (
	onlyReader struct{ io.Reader }
	onlyWriter struct{ io.Writer }
)

var errOver = errors.New("the transfer is over")

// gate stops reads of the caller's data once the transfer is over: a server can
// answer before it has read everything.
type gate struct {
	data   io.Reader
	closed atomic.Bool
}

func (g *gate) Read(p []byte) (int, error) {
	if g.closed.Load() {
		return 0, errOver
	}
	return g.data.Read(p)
}
