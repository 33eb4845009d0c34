package openaicompat

import (
	"context"
	"errors"

	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/rest"
)

var errEmpty = errors.New("there is no body")

// Call implements [provider.Caller].
func (e *endpoint) Call(ctx context.Context, req *provider.Request) (*provider.Response, error) {
	op, err := e.operation(req, provider.ModeCall)
	if err != nil {
		return nil, err
	}
	ed := e.newEdit(op, req)
	ed.lends = true
	ed.stream(op, false, false)
	var asBase64 *bool
	if e.provider.dialect.NoBase64 && op.Name == provider.OpEmbeddings {
		asBase64 = ed.plainVectors()
	}
	out, err := e.ask(ctx, op, req, ed)
	ed.release()
	if err == nil && asBase64 != nil && *asBase64 {
		out.Body, err = toBase64(out.Body)
	}
	return out, err
}

// ask sends the request and reads the answer.
func (e *endpoint) ask(ctx context.Context, op *Operation, req *provider.Request, ed *edit) (*provider.Response, error) {
	resp, err := e.send(ctx, op, req, ed, rest.TypeJSON)
	if err != nil {
		return nil, err
	}
	return e.answer(op, req, resp)
}

// answered is an answer with its usage, in one piece of memory.
type answered struct {
	provider.Response
	usage provider.Usage
}

// answer reads a whole answer and what it reports about itself.
func (e *endpoint) answer(op *Operation, req *provider.Request, resp *rest.Response) (*provider.Response, error) {
	body, err := resp.ReadAll()
	if err != nil {
		return nil, err
	}
	whole := &answered{Response: provider.Response{Meta: e.meta(resp), Body: body}}
	out := &whole.Response
	if op.Raw {
		out.ContentType = resp.Header.Get("Content-Type")
		return out, op.complete(out)
	}
	f, err := readFacts(body)
	if err != nil {
		return nil, notJSON(resp, body, err)
	}
	if f.failed && (!f.result || string(f.status) == `"failed"`) {
		return nil, resp.ErrorFromBody(body)
	}
	out.Body = e.provider.dialect.canonicalReasoning(op, body)
	out.Model, out.FinishReason = e.models.text(f.model, req.Model), f.finish
	if f.used {
		whole.usage, out.Usage = f.usage, &whole.usage
	}
	if out.RequestID == "" {
		out.RequestID = text(f.id)
	}
	return out, nil
}

// notJSON is the error of a successful answer that cannot be understood.
func notJSON(resp *rest.Response, body []byte, err error) *provider.Error {
	e := resp.Unexpected(body, "a JSON object")
	e.Message += " (" + err.Error() + ")"
	return e
}

// Test implements [provider.Tester]: it lists the models, which costs nothing.
func (e *endpoint) Test(ctx context.Context, req *provider.Request) error {
	op, ok := e.provider.operations[provider.OpModels]
	if !ok {
		return provider.Errorf(provider.CodeUnsupported, "%s lists no models, so there is no call that costs nothing to test it with", e.provider.dialect.Name)
	}
	if err := e.checkKey(req); err != nil {
		return err
	}
	probe := *req
	probe.Operation, probe.Body = op.Name, nil
	_, err := e.ask(ctx, op, &probe, e.newEdit(op, &probe))
	return err
}
