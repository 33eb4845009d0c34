package openaicompat

import (
	"context"
	"errors"
	"io"
	"sync"

	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/rest"
)

// pieces are the buffers through which answers flow: as large as a frame of the
// wire, small enough that the first bytes of speech do not wait for the last.
var pieces = sync.Pool{New: func() any { b := make([]byte, 64<<10); return &b }}

// Transfer implements [provider.Transferer].
func (e *endpoint) Transfer(ctx context.Context, req *provider.TransferRequest, out provider.TransferSink) (provider.Finish, error) {
	op, err := e.operation(&req.Request, provider.ModeTransfer)
	if err != nil {
		return provider.Finish{}, err
	}
	up, err := e.upload(op, req)
	if err != nil {
		return provider.Finish{}, err
	}
	defer up.close()
	resp, err := e.sendTransfer(ctx, op, &req.Request, up)
	if err != nil {
		return provider.Finish{}, err
	}
	defer resp.Close()
	if resp.ContentType == rest.TypeJSON && !op.Raw {
		return e.transferJSON(op, &req.Request, resp, out)
	}
	err = out.Start(provider.TransferHead{
		Meta: e.meta(resp), ContentType: resp.Header.Get("Content-Type"), Length: resp.Length,
	})
	if err != nil {
		return provider.Finish{}, err
	}
	return provider.Finish{}, pass(resp, out)
}

// sendTransfer sends the upload, if there is one, else the JSON body.
func (e *endpoint) sendTransfer(ctx context.Context, op *Operation, req *provider.Request, up *upload) (*rest.Response, error) {
	if up == nil {
		return e.send(ctx, op, req, e.newEdit(op, req), "")
	}
	return e.clientOf(op).Do(ctx, &rest.Request{
		Method: op.method(), Path: op.Path, Query: e.query, Header: e.headers(req, callHeader{}),
		ContentType: up.contentType, Upload: up.data, UploadLength: up.length,
	})
}

// transferJSON answers with JSON, after a look whether it reports an error.
func (e *endpoint) transferJSON(op *Operation, req *provider.Request, resp *rest.Response, out provider.TransferSink) (provider.Finish, error) {
	answer, err := e.answer(op, req, resp)
	if err != nil {
		return provider.Finish{}, err
	}
	head := provider.TransferHead{
		Meta: answer.Meta, ContentType: resp.Header.Get("Content-Type"), Length: int64(len(answer.Body)),
	}
	if err := out.Start(head); err != nil {
		return provider.Finish{}, err
	}
	if _, err := out.Write(answer.Body); err != nil {
		return provider.Finish{}, err
	}
	return provider.Finish{Reason: answer.FinishReason, Usage: answer.Usage}, nil
}

// pass copies the answer as it arrives.
func pass(resp *rest.Response, out provider.TransferSink) error {
	piece := pieces.Get().(*[]byte)
	defer pieces.Put(piece)
	for {
		n, err := resp.Read(*piece)
		if n > 0 {
			if _, err := out.Write((*piece)[:n]); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
