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
	if err := e.do(r); err != nil {
		return nil, r.report, err
	}
	r.finish(nil, r.resp.Usage, r.lastEnd)
	return r.resp, r.report, nil
}

// call makes the attempt of a call.
func (a *attempt) call() *provider.Error {
	resp, err := a.r.e.backend.Call(a.scope, &a.req)
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
