package api

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"sync"
	"time"

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
	stop, err := x.attach(transfer)
	if err != nil {
		x.fail(err)
		return
	}
	defer stop()
	x.transfer(transfer)
}

// attach gives the transfer its upload: in memory if it is small, so that it
// can be sent again, else as it arrives. stop ends the reading.
func (x *exchange) attach(t *provider.TransferRequest) (stop func(), err error) {
	n := x.r.ContentLength
	switch {
	case n == 0:
		t.DataType = ""
		return func() {}, nil
	case n > 0 && n <= x.opts.MaxBodyBytes:
		body, err := x.readBody()
		if err != nil {
			return nil, err
		}
		t.Data, t.DataLength = bytes.NewReader(body.data), int64(len(body.data))
		return func() {}, nil
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
	upload := &uploadReader{x: x, control: control, left: x.opts.MaxUploadBytes}
	t.Data, t.DataLength = upload, n
	return upload.stop, nil
}

// uploadReader passes an upload on within its limits. Read is called by one
// goroutine, which can outlive the exchange; stop by another.
type uploadReader struct {
	x       *exchange
	control *http.ResponseController
	left    int64
	read    int

	mu      sync.Mutex
	ended   bool // all was read
	stopped bool // from then on the connection belongs to the next request
}

// stop ends a read under way and makes later ones fail.
func (u *uploadReader) stop() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.stopped = true
	if !u.ended {
		// What is not read by now is not wanted. net/http notices that the rest
		// cannot be read, and closes the connection after the answer.
		_ = u.control.SetReadDeadline(time.Unix(1, 0))
	}
}

// before sets the limit of a read and reports whether it is allowed.
func (u *uploadReader) before() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.stopped {
		return false
	}
	u.x.watch(u.control, time.Now(), u.x.opts.ReadTimeout)
	return true
}

// after lifts the limit of a read that returned err.
func (u *uploadReader) after(err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.ended = errors.Is(err, io.EOF)
	if !u.stopped {
		u.x.unwatch(u.control)
	}
}

// Read implements [io.Reader].
func (u *uploadReader) Read(p []byte) (int, error) {
	if !u.before() {
		return 0, callerFault(provider.CodeCanceled, "the exchange is over")
	}
	n, err := u.x.r.Body.Read(p)
	u.after(err)
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
