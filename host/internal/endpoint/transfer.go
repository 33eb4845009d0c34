package endpoint

import (
	"context"
	"time"

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
	r.transfer, r.upload = req, how.uploadOf(req)
	if err := e.do(r); err != nil {
		return nil, r.report, err
	}
	report := r.reported(r.lastEnd) // before the body can end
	resp := r.body.resp
	resp.Body = r.body
	r.body.watch()
	return resp, report, nil
}

// openTransfer makes the attempt of a transfer, up to the head of the answer.
func (a *attempt) openTransfer() *provider.Error {
	req := a.r.transfer
	data, giveBack := a.r.upload.lend()
	defer func() {
		if a.r.body == nil { // the attempt failed
			giveBack()
		}
	}()
	resp, err := a.r.e.backend.Transfer(a.scope, &provider.TransferRequest{
		Request: *a.req, Data: data, DataType: req.DataType, DataLength: req.DataLength,
	})
	if err != nil {
		return a.failure(err)
	}
	if resp == nil || resp.Body == nil {
		return errNoAnswer()
	}
	if err := a.commit(); err != nil {
		_ = resp.Body.Close() // the transfer is given up
		return err
	}
	a.observe(resp.RateLimits, time.Now())
	a.r.body = newBody(a, resp, giveBack)
	return nil
}
