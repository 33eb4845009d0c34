package endpoint

import (
	"context"

	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// Transfer runs an operation that moves bytes. It returns when the head of the
// answer is there. It is retried only before that, and only if the upload can be
// read anew or nothing of it was read. The answer keeps its slot until its body
// ends or is closed, so close it always.
//
// The report is valid also if Transfer fails; errors are [*provider.Error].
func (e *Endpoint) Transfer(ctx context.Context, req *provider.TransferRequest, how How) (*provider.TransferResponse, status.Report, error) {
	r := e.begin(ctx, &req.Request, provider.ModeTransfer, how)
	r.upload = newUpload(req)
	var resp *provider.TransferResponse
	var b *body
	err := e.do(r, func(a *attempt) *provider.Error {
		sent := &provider.TransferRequest{Request: a.req, DataType: req.DataType, DataLength: req.DataLength}
		data, giveBack := r.upload.lend()
		defer func() {
			if b == nil { // the attempt failed
				giveBack()
			}
		}()
		sent.Data = data
		got, err := e.backend.Transfer(a.ctx, sent)
		if err != nil {
			return a.failure(err)
		}
		if got == nil || got.Body == nil {
			return errNoAnswer()
		}
		if err := a.commit(); err != nil {
			_ = got.Body.Close() // the transfer is given up
			return err
		}
		resp, b = got, newBody(a, got, giveBack)
		return nil
	})
	if err != nil {
		return nil, r.reported(), err
	}
	report := r.reported()
	resp.Body = b
	b.watch()
	return resp, report, nil
}
