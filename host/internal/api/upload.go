package api

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// upload calls an operation of mode "transfer" with a body that is not JSON.
// The query holds its parameters.
func (x *exchange) upload(id, name string) {
	if kind, _, _ := mime.ParseMediaType(first(x.r.Header, "Content-Type")); kind == "multipart/form-data" {
		body, err := x.readBody()
		if err == nil {
			if err = x.form(name, id, body); err != nil {
				body.release()
			}
		}
		if err != nil {
			x.fail(err)
		}
		return
	}
	req, err := x.request(name, id)
	if err != nil {
		x.fail(err)
		return
	}
	req.Model, req.Body = x.r.URL.Query().Get("model"), queryParams(x.r)
	transfer := &provider.TransferRequest{Request: *req, DataType: first(x.r.Header, "Content-Type")}
	body, err := x.attach(transfer)
	if err != nil {
		x.fail(err)
		return
	}
	x.transfer(transfer, body)
}

// attach gives the transfer its upload: in memory if it is small, so that it
// can be sent again, else as it arrives.
func (x *exchange) attach(t *provider.TransferRequest) (*buffer, error) {
	n := x.r.ContentLength
	switch {
	case n == 0:
		t.DataType = ""
		return nil, nil
	case n > 0 && n <= x.opts.MaxBodyBytes:
		body, err := x.readBody()
		if err != nil {
			return nil, err
		}
		t.Data, t.DataLength = bytes.NewReader(body.data), int64(len(body.data))
		return body, nil
	case n > x.opts.MaxUploadBytes:
		return nil, x.tooLarge(x.opts.MaxUploadBytes)
	}
	if err := x.checkEncoding(); err != nil {
		return nil, err
	}
	control := http.NewResponseController(x.w)
	// The plugin may answer before it has read everything. Writers that cannot
	// do both at once, as in tests, read first.
	_ = control.EnableFullDuplex()
	t.Data = &uploadReader{x: x, control: control, left: x.opts.MaxUploadBytes}
	t.DataLength = n
	return nil, nil
}

// uploadReader passes an upload on within its limits.
type uploadReader struct {
	x       *exchange
	control *http.ResponseController
	left    int64
	read    int
}

// Read implements [io.Reader].
func (u *uploadReader) Read(p []byte) (int, error) {
	u.x.watch(u.control, u.x.opts.ReadTimeout)
	defer u.x.unwatch(u.control)
	n, err := u.x.r.Body.Read(p)
	u.read += n
	if u.left -= int64(n); u.left < 0 {
		return 0, callerFault(provider.CodeTooLarge, fmt.Sprintf("the upload is larger than %d bytes, the most that is taken", u.x.opts.MaxUploadBytes))
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return n, callerFault(provider.CodeInvalidRequest, u.x.brokenBody(u.read, err).Error())
	}
	return n, err
}

// callerFault is an error for the core, which hands it back to the caller.
func callerFault(code provider.Code, message string) error {
	return &provider.Error{Code: code, Source: provider.SourceCaller, Message: message}
}

// queryParams returns the query as a JSON object of strings; a name given more
// than once becomes a list.
func queryParams(r *http.Request) []byte {
	query := r.URL.Query()
	if len(query) == 0 {
		return noParams
	}
	params := make(map[string]any, len(query))
	for name, values := range query {
		if len(values) == 1 {
			params[name] = values[0]
		} else {
			params[name] = values
		}
	}
	return encode(params)
}
