package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"strings"

	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/rest"
)

// endpoint is an opened endpoint. It does not change once made and is safe for
// concurrent use.
type endpoint struct {
	connection
	model string // the endpoint's model, "" if it has none
	key   bool   // the endpoint has a key
}

// Close implements [io.Closer].
func (e *endpoint) Close() error {
	e.client.Close()
	return nil
}

// modelForm is a model's resource name, with or without its collection. Anything
// else could lead the request to another place than the path says.
var modelForm = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9]*/)?[A-Za-z0-9][A-Za-z0-9._@-]*$`)

// resource returns the model's name with its collection.
func resource(model string) (string, error) {
	if !modelForm.MatchString(model) {
		return "", invalid("model", `%q is no name of a model; write one such as "gemini-2.5-flash" or "tunedModels/my-model"`, model)
	}
	if strings.Contains(model, "/") {
		return model, nil
	}
	return "models/" + model, nil
}

// post calls a method of a model with a body.
func (e *endpoint) post(ctx context.Context, call *provider.Request, model, method string, body []byte) (*rest.Response, error) {
	name, err := resource(model)
	if err != nil {
		return nil, err
	}
	req := rest.Request{Path: e.root + "/" + name + ":" + method, Body: body, Accept: rest.TypeJSON}
	if method == methodStream {
		req.Query, req.Accept = url.Values{"alt": {"sse"}}, rest.TypeEventStream
	}
	return e.send(ctx, call, &req)
}

// The service's methods.
const (
	methodGenerate   = "generateContent"
	methodStream     = "streamGenerateContent"
	methodCount      = "countTokens"
	methodEmbed      = "embedContent"
	methodEmbedBatch = "batchEmbedContents"
)

// send sends a request with the key that the call is made with.
func (e *endpoint) send(ctx context.Context, call *provider.Request, req *rest.Request) (*rest.Response, error) {
	req.Header = e.header
	switch {
	case !call.Credential.IsZero():
		req.Header = maps.Clone(e.header)
		req.Header[keyHeader] = []string{call.Credential.Reveal()}
	case !e.key:
		return nil, provider.Errorf(provider.CodeAuth,
			"no key for gemini; set api_key in the endpoint or the environment variable GEMINI_API_KEY or GOOGLE_API_KEY")
	}
	return e.client.Do(ctx, req)
}

// ask posts a body and decodes the answer, which it returns as well.
func (e *endpoint) ask(ctx context.Context, call *provider.Request, model, method string, body, answer any) (*rest.Response, error) {
	data, err := json.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("encode the request: %w", err)
	}
	resp, err := e.post(ctx, call, model, method, data)
	if err != nil {
		return nil, err
	}
	return resp, readAnswer(resp, answer)
}

// readAnswer decodes a whole answer.
func readAnswer(resp *rest.Response, answer any) error {
	data, err := resp.ReadAll()
	if err != nil {
		return err
	}
	return decodeAnswer(resp, data, answer)
}

// decodeAnswer decodes a JSON object that is no error.
func decodeAnswer(resp *rest.Response, data []byte, answer any) error {
	if !isObject(data) || isError(data) {
		return resp.Unexpected(data, "a JSON object")
	}
	if err := json.Unmarshal(data, answer); err != nil {
		e := resp.Unexpected(nil, "an answer of another form")
		e.Message = "the service's answer cannot be read: " + err.Error()
		return e
	}
	return nil
}

// protocolError is the error of an answer that cannot be understood.
func protocolError(format string, args ...any) *provider.Error {
	e := provider.Errorf(provider.CodeProtocol, format, args...)
	e.Source = provider.SourceUpstream
	return e
}

// invalid is the error of a request that cannot be made; param names the field.
func invalid(param, format string, args ...any) error {
	e := provider.Errorf(provider.CodeInvalidRequest, format, args...)
	e.Param, e.Source = param, provider.SourceCaller
	return e
}

// decodeLenient decodes JSON whose other fields do not matter here.
func decodeLenient(data []byte, v any) error {
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("decode settings: %w", err)
	}
	return nil
}
