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
	var resp *provider.Response
	err := e.do(r, func(a *attempt) *provider.Error {
		got, err := e.backend.Call(a.ctx, &a.req)
		if err != nil {
			return a.failure(err)
		}
		if got == nil {
			return errNoAnswer()
		}
		a.end(nil)
		resp = got
		return nil
	})
	if err != nil {
		return nil, r.reported(), err
	}
	report := r.reported()
	_ = r.finish(nil, resp.Usage)
	return resp, report, nil
}

// errNoAnswer is for a backend that returns neither answer nor error.
func errNoAnswer() *provider.Error {
	return hostError(provider.Errorf(provider.CodeProtocol, "the provider returned neither an answer nor an error"))
}
