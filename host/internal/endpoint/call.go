package endpoint

import (
	"context"

	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// Call runs an operation that answers with one body. The report is valid also
// if it fails; errors are [*provider.Error].
func (e *Endpoint) Call(ctx context.Context, req *provider.Request, how How) (*provider.Response, status.Report, error) {
	r := e.begin(ctx, req, provider.ModeCall, how)
	err := e.do(r)
	resp, report := r.resp, r.report
	if err == nil {
		r.finish(nil, resp.Usage, r.lastEnd)
		report.Total = r.report.Total
	}
	r.drop()
	if err != nil {
		return nil, report, err
	}
	return resp, report, nil
}

// call makes the attempt of a call.
func (a *attempt) call() *provider.Error {
	resp, err := a.r.e.backend.Call(a.scope, a.req)
	if err != nil {
		return a.failure(err)
	}
	if resp == nil {
		return errNoAnswer()
	}
	a.r.resp = resp
	return nil
}

// errNoAnswer is for a backend that returns neither answer nor error.
func errNoAnswer() *provider.Error {
	return hostError(provider.Errorf(provider.CodeProtocol, "the provider returned neither an answer nor an error"))
}
