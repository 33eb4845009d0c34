package admin

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// maxSpec bounds the description of an endpoint.
const maxSpec = 1 << 20

//go:embed openapi.json
var openAPI []byte

// OpenAPI returns the description of the API, an OpenAPI 3.0 document.
func OpenAPI() []byte { return openAPI }

func (x *exchange) openAPI() error {
	x.write(http.StatusOK, openAPI)
	return nil
}

func (x *exchange) listEndpoints() error {
	return list(x, each(x.core.Endpoints(), completeEndpoint))
}

func (x *exchange) createEndpoint() error {
	spec, err := x.readObject()
	if err != nil {
		return err
	}
	created, err := x.core.CreateEndpoint(x.r.Context(), spec)
	if err != nil {
		return err
	}
	x.w.Header().Set("Location", Root+"/endpoints/"+url.PathEscape(created.ID))
	return x.answer(http.StatusCreated, completeEndpoint(created))
}

func (x *exchange) getEndpoint() error {
	e, err := x.core.Endpoint(x.args[0])
	if err != nil {
		return err
	}
	return x.answer(http.StatusOK, completeEndpoint(e))
}

func (x *exchange) updateEndpoint() error {
	patch, err := x.readObject()
	if err != nil {
		return err
	}
	changed, err := x.core.UpdateEndpoint(x.r.Context(), x.args[0], patch)
	if err != nil {
		return err
	}
	return x.answer(http.StatusOK, completeEndpoint(changed))
}

func (x *exchange) deleteEndpoint() error {
	if err := x.core.DeleteEndpoint(x.r.Context(), x.args[0]); err != nil {
		return err
	}
	return x.done()
}

func (x *exchange) testEndpoint() error {
	report, err := x.core.TestEndpoint(x.r.Context(), x.args[0])
	if err != nil {
		return err
	}
	return x.answer(http.StatusOK, report)
}

func (x *exchange) endpointStats() error {
	s, err := x.core.EndpointStats(x.args[0])
	if err != nil {
		return err
	}
	return x.answer(http.StatusOK, s)
}

func (x *exchange) resetStats() error {
	if err := x.core.ResetStats(x.args[0]); err != nil {
		return err
	}
	return x.done()
}

func (x *exchange) explainEndpoint() error {
	e, err := x.core.Explain(x.args[0])
	if err != nil {
		return err
	}
	return x.answer(http.StatusOK, e)
}

func (x *exchange) listStats() error { return list(x, x.core.Stats()) }

func (x *exchange) listProviders() error {
	return list(x, each(x.core.Providers(), completeProvider))
}

func (x *exchange) getProvider() error {
	p, err := x.core.Provider(x.args[0])
	if err != nil {
		return err
	}
	return x.answer(http.StatusOK, completeProvider(p))
}

func (x *exchange) listModels() error {
	models, err := x.core.Models(x.r.Context())
	if err != nil {
		return err
	}
	return list(x, models)
}

// list answers with a list under "data", [] if it is empty.
func list[T any](x *exchange, items []T) error {
	if items == nil {
		items = []T{}
	}
	return x.answer(http.StatusOK, struct {
		Data []T `json:"data"`
	}{items})
}

// each applies a function to all items.
func each[T any](items []T, change func(T) T) []T {
	changed := make([]T, len(items))
	for i, item := range items {
		changed[i] = change(item)
	}
	return changed
}

// completeEndpoint makes a missing list an empty one, as the description has it.
func completeEndpoint(e status.Endpoint) status.Endpoint {
	if e.Operations == nil {
		e.Operations = []provider.Operation{}
	}
	return e
}

// completeProvider makes missing lists empty ones, as the description has it.
func completeProvider(p status.Provider) status.Provider {
	if p.Endpoints == nil {
		p.Endpoints = []string{}
	}
	if p.Manifest != nil && p.Manifest.Operations == nil {
		m := *p.Manifest
		m.Operations = []provider.Operation{}
		p.Manifest = &m
	}
	return p
}

// readObject reads the body, which must be a JSON object.
func (x *exchange) readObject() ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(x.w, x.r.Body, maxSpec))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, &problem{status: http.StatusRequestEntityTooLarge, code: string(provider.CodeTooLarge),
			message: fmt.Sprintf("the body is larger than %d bytes, the most that is taken", maxSpec)}
	case err != nil:
		return nil, invalid("the body broke off: " + err.Error())
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(body, &object); err != nil || object == nil {
		reason := "it is null"
		if err != nil {
			reason = err.Error()
		}
		return nil, invalid("the body must be a JSON object with the names of the endpoint block: " + reason)
	}
	return body, nil
}

// answer writes a value as JSON.
func (x *exchange) answer(code int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode the answer: %w", err)
	}
	x.write(code, body)
	return nil
}

// done answers that there is nothing to say.
func (x *exchange) done() error {
	x.began = true
	x.w.WriteHeader(http.StatusNoContent)
	return nil
}

func (x *exchange) write(code int, body []byte) {
	x.began = true
	x.w.Header().Set("Content-Type", "application/json")
	x.w.WriteHeader(code)
	// A failure means that the caller left; nobody is there to be told.
	_, _ = x.w.Write(body)
}
