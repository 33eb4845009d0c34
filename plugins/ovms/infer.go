package main

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/rest"
)

// infer runs a model on tensors. The body is KServe's, or data without shapes.
func (e *endpoint) infer(ctx context.Context, req *provider.Request) (*provider.Response, error) {
	if e.own.API == apiTFS {
		return nil, provider.Errorf(provider.CodeUnsupported, `operation "infer" is not there at an endpoint with api = "tfs"; use "predict"`)
	}
	t, err := e.target(req)
	if err != nil {
		return nil, err
	}
	if err := e.tensors(t.fields); err != nil {
		return nil, err
	}
	body, err := json.Marshal(t.fields)
	if err != nil {
		return nil, err
	}
	resp, err := e.do(ctx, req, &rest.Request{Path: t.path("/v2") + "/infer", Body: body, Accept: rest.TypeJSON})
	if err != nil {
		return nil, err
	}
	return e.outcome(resp, t, "outputs")
}

// predict runs a model through TensorFlow Serving's API.
func (e *endpoint) predict(ctx context.Context, req *provider.Request) (*provider.Response, error) {
	t, err := e.target(req)
	if err != nil {
		return nil, err
	}
	if err := e.instances(t.fields); err != nil {
		return nil, err
	}
	body, err := json.Marshal(t.fields)
	if err != nil {
		return nil, err
	}
	resp, err := e.do(ctx, req, &rest.Request{Path: t.path("/v1") + ":predict", Body: body, Accept: rest.TypeJSON})
	if err != nil {
		return nil, err
	}
	return e.outcome(resp, t, "predictions", "outputs")
}

// outcome reads the answer to an inference, which has one of the fields.
func (e *endpoint) outcome(resp *rest.Response, t *target, fields ...string) (*provider.Response, error) {
	if resp.Status == http.StatusNoContent {
		resp.Close()
		return nil, noResult()
	}
	out, err := object(resp, fields...)
	if err != nil {
		return nil, err
	}
	var named struct {
		Model string `json:"model_name"`
	}
	if json.Unmarshal(out.Body, &named) != nil || named.Model == "" {
		named.Model = t.model
	}
	out.Model = named.Model
	return out, nil
}

// tensors gives the body of infer the tensors that KServe wants.
func (e *endpoint) tensors(fields map[string]json.RawMessage) error {
	m, err := e.maker(fields)
	if err != nil {
		return err
	}
	data, shapeless := fields["data"]
	inputs, given := fields["inputs"]
	var list []json.RawMessage
	switch {
	case given && shapeless:
		return invalid("data", `give "inputs" or "data", not both`)
	case shapeless:
		delete(fields, "data")
		list, err = m.fromRows("data", data)
	case given:
		list, err = m.fromInputs(inputs)
	default:
		return invalid("inputs", `field "inputs" is required: a list of tensors, or give "data"`)
	}
	if err != nil {
		return err
	}
	fields["inputs"], err = json.Marshal(list)
	return err
}

// instances gives the body of predict the rows that TensorFlow Serving wants.
func (e *endpoint) instances(fields map[string]json.RawMessage) error {
	m, err := e.maker(fields)
	if err != nil {
		return err
	}
	_, rows := fields["instances"]
	_, columns := fields["inputs"]
	data, shapeless := fields["data"]
	switch {
	case shapeless && (rows || columns):
		return invalid("data", `give "instances", "inputs" or "data", not several of them`)
	case rows && columns:
		return invalid("inputs", `give "instances" or "inputs", not both`)
	case rows || columns:
		return nil
	case !shapeless:
		return invalid("instances", `field "instances" is required: a list of rows; or give "inputs" or "data"`)
	}
	made, err := m.rows("data", data)
	if err != nil {
		return err
	}
	delete(fields, "data")
	fields["instances"], err = json.Marshal(made)
	return err
}
