package openaicompat

import (
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/textproto"
	"path"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// upload is the body of a request that is an upload.
type upload struct {
	data        io.Reader
	contentType string
	length      int64 // -1 if not known

	source *gate          // the caller's data
	pipe   *io.PipeReader // from the goroutine that writes the form, or nil
}

// close ends the upload. The transport, or the goroutine that writes the form,
// may still wait for the caller's data, but takes no more of it.
func (u *upload) close() {
	if u == nil {
		return
	}
	u.source.closed.Store(true)
	if u.pipe != nil {
		_ = u.pipe.Close() // never fails
	}
}

// gate stops reads of the caller's data once the transfer is over: a service
// can answer before it has read everything.
type gate struct {
	src    io.Reader
	closed atomic.Bool
}

// Read implements [io.Reader].
func (g *gate) Read(p []byte) (int, error) {
	if g.closed.Load() {
		return 0, io.ErrClosedPipe
	}
	return g.src.Read(p)
}

// upload makes the body of a transfer, nil if the caller sent no data. A form
// that needs no change is passed on byte for byte with its length. A form whose
// model must differ is written anew while it is read, and other data becomes the
// file of a new form; their lengths are not known before.
func (e *endpoint) upload(op *Operation, req *provider.TransferRequest) (*upload, error) {
	if req.Data == nil {
		return nil, nil
	}
	if op.Upload == "" {
		return nil, badUpload("operation " + strconv.Quote(op.Name) + " takes no upload; send its parameters as a JSON object")
	}
	kind, params, err := mime.ParseMediaType(req.DataType)
	if err != nil && req.DataType != "" {
		return nil, badUpload("the content type of the upload cannot be read: " + err.Error())
	}
	fields, err := formFields(e.newEdit(op, &req.Request), req.Body)
	if err != nil {
		return nil, err
	}
	source := &gate{src: req.Data}
	if kind != "multipart/form-data" {
		write := func(form *multipart.Writer) error { return writeForm(form, op.Upload, fields, req.DataType, source) }
		return written(write, "", source), nil
	}
	if params["boundary"] == "" {
		return nil, badUpload("the content type of the form names no boundary")
	}
	model := fields.get("model")
	if model == "" || model == given(req.Body, "model") {
		return &upload{data: source, contentType: req.DataType, length: req.DataLength, source: source}, nil
	}
	in := multipart.NewReader(source, params["boundary"])
	// The model of a request is the router's choice; a mere default gives way
	// to what the form says.
	force := req.Model != ""
	write := func(form *multipart.Writer) error { return rewriteForm(form, in, model, force) }
	return written(write, params["boundary"], source), nil
}

// written returns an upload that write produces while it is read.
func written(write func(*multipart.Writer) error, boundary string, source *gate) *upload {
	r, w := io.Pipe()
	form := multipart.NewWriter(w)
	if boundary != "" {
		_ = form.SetBoundary(boundary) // what was parsed as one; else a new one serves as well
	}
	go func() {
		err := write(form)
		if err == nil {
			err = form.Close()
		}
		_ = w.CloseWithError(err) // never fails
	}()
	return &upload{data: r, contentType: form.FormDataContentType(), length: -1, source: source, pipe: r}
}

// rewriteForm copies a form with another model.
func rewriteForm(out *multipart.Writer, in *multipart.Reader, model string, force bool) error {
	found := false
	for {
		part, err := in.NextRawPart()
		if err == io.EOF { //nolint:errorlint // wrapped, it means a form without an end
			break
		}
		if err != nil {
			return formError(err)
		}
		to, err := out.CreatePart(part.Header)
		if err != nil {
			return err
		}
		var from io.Reader = part
		if part.FormName() == "model" && part.FileName() == "" {
			found = true
			if force {
				from = strings.NewReader(model)
			}
		}
		if _, err := io.Copy(to, from); err != nil {
			return formError(err)
		}
	}
	if found {
		return nil
	}
	return out.WriteField("model", model)
}

// formError types a failure to read the caller's form. Failures that are typed
// already, and those of the reading side, stay as they are.
func formError(err error) error {
	var typed *provider.Error
	if errors.As(err, &typed) || errors.Is(err, io.ErrClosedPipe) {
		return err
	}
	return badUpload("the form is broken: " + err.Error())
}

// writeForm makes a form of the operation's parameters and the caller's data.
func writeForm(form *multipart.Writer, field string, fields formValues, contentType string, data io.Reader) error {
	name := fields.get("filename")
	if name == "" {
		name = fileName(contentType)
	}
	for _, f := range fields {
		if f.name == "filename" {
			continue
		}
		if err := form.WriteField(f.name, f.value); err != nil {
			return err
		}
	}
	header := textproto.MIMEHeader{}
	header.Set("Content-Disposition", mime.FormatMediaType("form-data", map[string]string{"name": field, "filename": path.Base(name)}))
	if contentType == "" {
		contentType = "application/octet-stream"
	}
	header.Set("Content-Type", contentType)
	part, err := form.CreatePart(header)
	if err != nil {
		return err
	}
	_, err = io.Copy(part, data)
	return err
}
