package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/rest"
)

// The operations on batches of messages. Bodies and answers are Anthropic's own.
const (
	opBatchCreate  = "messages.batches.create"
	opBatchList    = "messages.batches.list"
	opBatchGet     = "messages.batches.get"
	opBatchCancel  = "messages.batches.cancel"
	opBatchDelete  = "messages.batches.delete"
	opBatchResults = "messages.batches.results"
)

const pathBatches = "/v1/messages/batches"

// batchOperations are those operations as the manifest has them.
func batchOperations() []provider.Operation {
	call, transfer := []provider.Mode{provider.ModeCall}, []provider.Mode{provider.ModeTransfer}
	return []provider.Operation{
		{Name: opBatchCreate, Modes: call, Unsafe: true, Description: "Starts a batch of messages, for half the price and within a day."},
		{Name: opBatchList, Modes: call, Description: "Lists the batches."},
		{Name: opBatchGet, Modes: call, Description: "Says how far a batch is."},
		{Name: opBatchCancel, Modes: call, Description: "Ends a batch before its time."},
		{Name: opBatchDelete, Modes: call, Description: "Deletes a batch that has ended."},
		{Name: opBatchResults, Modes: transfer, Description: "Returns a batch's results, a line of JSON each."},
	}
}

// batchFields are the parameters of these operations, in the JSON body. Those of
// a list go into the query.
type batchFields struct {
	ID       string `json:"message_batch_id"`
	Limit    int    `json:"limit"`
	AfterID  string `json:"after_id"`
	BeforeID string `json:"before_id"`
}

// batchRequest makes the request of an operation on batches.
func batchRequest(operation string, body []byte) (*rest.Request, error) {
	if len(body) == 0 {
		body = []byte("{}")
	}
	var in *batchFields
	if err := json.Unmarshal(body, &in); err != nil || in == nil {
		return nil, invalid("", "the body must be a JSON object with the operation's parameters")
	}
	out := &rest.Request{Method: http.MethodGet, Path: pathBatches, Accept: rest.TypeJSON}
	switch operation {
	case opBatchCreate:
		out.Method, out.Body = http.MethodPost, body
		return out, nil
	case opBatchList:
		out.Query = in.query()
		return out, nil
	}
	if in.ID == "" || in.ID == "." || in.ID == ".." {
		return nil, invalid("message_batch_id", `field "message_batch_id" is required`)
	}
	out.Path += "/" + url.PathEscape(in.ID)
	switch operation {
	case opBatchCancel:
		out.Method, out.Path = http.MethodPost, out.Path+"/cancel"
	case opBatchDelete:
		out.Method = http.MethodDelete
	case opBatchResults:
		out.Path, out.Accept = out.Path+"/results", "application/x-jsonl"
	}
	return out, nil
}

// query are the parameters of a list.
func (in *batchFields) query() url.Values {
	q := url.Values{}
	if in.Limit > 0 {
		q.Set("limit", fmt.Sprint(in.Limit))
	}
	for name, value := range map[string]string{"after_id": in.AfterID, "before_id": in.BeforeID} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return q
}

// batches answers an operation on batches with what the service says.
func (e *endpoint) batches(ctx context.Context, req *provider.Request) (*provider.Response, error) {
	out, err := batchRequest(req.Operation, req.Body)
	if err != nil {
		return nil, err
	}
	resp, err := e.do(ctx, req, out)
	if err != nil {
		return nil, err
	}
	data, err := resp.ReadAll()
	if err != nil {
		return nil, err
	}
	var got struct {
		ID   string            `json:"id"`
		Data []json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(data, &got); err != nil || got.ID == "" && got.Data == nil {
		return nil, resp.Unexpected(data, "a batch or a list of batches")
	}
	return &provider.Response{Meta: resp.Meta(), Body: data}, nil
}

// Transfer implements [provider.Transferer]: the results of a batch pass while
// they arrive, as there can be a hundred thousand.
func (e *endpoint) Transfer(ctx context.Context, req *provider.TransferRequest, out provider.TransferSink) (provider.Finish, error) {
	if req.Operation != opBatchResults {
		return provider.Finish{}, provider.Unsupported(req.Operation, "")
	}
	return provider.Finish{}, e.batchResults(ctx, &req.Request, out)
}

func (e *endpoint) batchResults(ctx context.Context, req *provider.Request, out provider.TransferSink) error {
	request, err := batchRequest(req.Operation, req.Body)
	if err != nil {
		return err
	}
	resp, err := e.do(ctx, req, request)
	if err != nil {
		return err
	}
	defer resp.Close()
	if resp.ContentType == "text/html" {
		page, _ := resp.ReadAll() // what cannot be read is no better
		return resp.Unexpected(page, "the lines of a batch's results")
	}
	head := provider.TransferHead{Meta: resp.Meta(), ContentType: resp.Header.Get("Content-Type"), Length: resp.Length}
	if err := out.Start(head); err != nil {
		return err
	}
	_, err = io.Copy(out, resp)
	return err
}
