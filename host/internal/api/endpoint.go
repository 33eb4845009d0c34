package api

import (
	"bytes"
	"fmt"
	"mime"
	"net/http"
	"strings"

	"github.com/backplane-dev/backplane/host/internal/peek"
	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/schema"
)

// operations answers GET /v1/endpoints/{id}.
func (x *exchange) operations(id string) {
	offered, err := x.core.Operations(id)
	if err != nil {
		x.fail(err)
		return
	}
	if offered == nil {
		offered = []provider.Operation{}
	}
	x.write(http.StatusOK, "application/json", encode(struct {
		ID         string               `json:"id"`
		Object     string               `json:"object"`
		Operations []provider.Operation `json:"operations"`
	}{id, "endpoint", offered}))
}

// endpoint answers POST /v1/endpoints/{id}/{operation}: any operation that the
// endpoint declares, in the mode that fits both manifest and request.
func (x *exchange) endpoint(id, name string) {
	offered, err := x.core.Operations(id)
	if err != nil {
		x.fail(err)
		return
	}
	op, err := pick(id, name, offered)
	if err != nil {
		x.fail(err)
		return
	}
	if op.Has(provider.ModeTransfer) && (!isJSON(x.r.Header) || onlyTransfer(op) && x.r.ContentLength == 0) {
		x.upload(id, name)
		return
	}
	body, err := x.readBody()
	if err != nil {
		x.fail(err)
		return
	}
	if err := x.invoke(id, op, body); err != nil {
		x.fail(err)
		body.release()
	}
}

// pick finds the operation among those that the endpoint offers.
func pick(id, name string, offered []provider.Operation) (provider.Operation, error) {
	names := make([]string, len(offered))
	for i, op := range offered {
		if op.Name == name {
			return op, nil
		}
		names[i] = op.Name
	}
	e := &provider.Error{Code: provider.CodeUnsupported, Source: provider.SourceHost,
		Message: fmt.Sprintf("operation %.80q is not supported by endpoint %q; it offers %s", name, id, strings.Join(names, ", "))}
	if near := schema.Nearest(name, names); near != "" {
		e.Message += fmt.Sprintf("; did you mean %q?", near)
	}
	return provider.Operation{}, e
}

// invoke calls an operation with a JSON body. The returned error was found
// before the request went anywhere.
func (x *exchange) invoke(id string, op provider.Operation, body *buffer) error {
	facts, err := looseFacts(op.Name, body)
	if err != nil {
		return err
	}
	req, err := x.request(op.Name, id)
	if err != nil {
		return err
	}
	req.Model, req.Body = facts.Model, body.data
	accepts := strings.Contains(x.r.Header.Get("Accept"), "text/event-stream")
	switch {
	case op.Has(provider.ModeStream) && (facts.Stream || accepts || !op.Has(provider.ModeCall) && !op.Has(provider.ModeTransfer)):
		x.stream(req, dialectOf(op.Name), body)
	case facts.Stream && !op.Has(provider.ModeTransfer) && streamable(op.Name):
		return &provider.Error{Code: provider.CodeUnsupported, Source: provider.SourceHost, Param: "stream",
			Message: fmt.Sprintf(`operation %q of endpoint %q cannot be streamed; leave "stream" out or send false`, op.Name, id)}
	case op.Has(provider.ModeCall):
		x.call(req, body, wantsBase64(op.Name, &facts))
	case op.Has(provider.ModeTransfer):
		x.transfer(&provider.TransferRequest{Request: *req})
	default:
		return &provider.Error{Code: provider.CodeUnsupported, Source: provider.SourceHost,
			Message: fmt.Sprintf("operation %q of endpoint %q declares no mode in which it can be called", op.Name, id)}
	}
	return nil
}

// looseFacts validates a body. Well-known operations know the types of their
// fields; for a provider's own, only the JSON must be right, and no body at all
// means no parameters.
func looseFacts(name string, body *buffer) (peek.Facts, error) {
	if op, ok := named(name); ok && op.takes != takesUpload {
		return readFacts(body.data)
	}
	if len(bytes.TrimSpace(body.data)) == 0 {
		body.data = append(body.data[:0], noParams...)
	}
	return peek.Request(body.data)
}

// dialectOf returns how a streamed operation is written.
func dialectOf(name string) *dialect {
	if op, ok := named(name); ok && op.stream != nil {
		return op.stream
	}
	return chatDialect
}

// streamable reports whether "stream" in the body of an operation asks for a
// stream; in those of providers it can mean anything.
func streamable(name string) bool {
	op, ok := named(name)
	return ok && op.stream != nil
}

// isJSON reports whether the body is JSON by its content type, or has none.
func isJSON(h http.Header) bool {
	contentType := first(h, "Content-Type")
	if contentType == "" {
		return true
	}
	kind, _, err := mime.ParseMediaType(contentType)
	return err == nil && (kind == "application/json" || strings.HasSuffix(kind, "+json"))
}

func onlyTransfer(op provider.Operation) bool {
	return !op.Has(provider.ModeCall) && !op.Has(provider.ModeStream)
}
