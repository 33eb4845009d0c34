package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"strings"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// maxFormField is the longest "model" that a form may name.
const maxFormField = 1 << 10

// noParams are the parameters of a transfer that has none.
var noParams = []byte("{}")

// formParams are the parameters of a form: the model that it names, so that the
// plugin need not look for it again.
func formParams(model string) []byte {
	if model == "" {
		return noParams
	}
	params, err := json.Marshal(map[string]string{"model": model})
	if err != nil {
		return noParams // cannot be: a string can always be written
	}
	return params
}

// form answers an operation whose body is a multipart form, such as a
// transcription. The form goes to the plugin byte for byte; only its field
// "model" is looked at. The returned error was found before the request went
// anywhere.
func (x *exchange) form(operation, endpoint string, body *buffer) error {
	contentType := first(x.r.Header, "Content-Type")
	model, err := formModel(contentType, body.data)
	if err != nil {
		return err
	}
	req, err := x.request(operation, endpoint)
	if err != nil {
		return err
	}
	if model == "" && req.Endpoint == "" {
		return noModel()
	}
	req.Model, req.Body = model, formParams(model)
	x.transfer(&provider.TransferRequest{
		Request:    *req,
		Data:       bytes.NewReader(body.data),
		DataType:   contentType,
		DataLength: int64(len(body.data)),
	})
	return nil
}

// formModel reads the form once, to make sure that it is whole, and returns its
// field "model", the last one if there are several.
func formModel(contentType string, body []byte) (string, error) {
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil || kind != "multipart/form-data" || params["boundary"] == "" {
		return "", invalid("", fmt.Sprintf(`content type %.80q: send a multipart/form-data form with the fields "file" and "model"`, contentType))
	}
	form := multipart.NewReader(bytes.NewReader(body), params["boundary"])
	model := ""
	for {
		part, err := form.NextPart()
		if err == io.EOF { //nolint:errorlint // a form that was cut off wraps io.EOF
			return model, nil
		}
		if err != nil {
			return "", brokenForm(err)
		}
		if part.FormName() != "model" || part.FileName() != "" {
			continue
		}
		value, err := io.ReadAll(io.LimitReader(part, maxFormField+1))
		if err != nil {
			return "", brokenForm(err)
		}
		if len(value) > maxFormField {
			return "", invalid("model", fmt.Sprintf(`"model" is longer than %d bytes`, maxFormField))
		}
		model = strings.ToValidUTF8(string(value), "\uFFFD")
	}
}

func brokenForm(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return invalid("", "the form is cut off: its last boundary is missing")
	}
	return invalid("", "the form is broken: "+strings.TrimPrefix(err.Error(), "multipart: "))
}
