package api

import (
	"context"
	"net/http"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// call answers a request of mode "call". base64 is true if vectors must be
// written as base64. body holds the request's body and is released.
func (x *exchange) call(req *provider.Request, body *buffer, base64 bool) {
	ctx := x.ctx
	if x.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, x.timeout)
		defer cancel()
	}
	resp, report, err := x.core.Call(ctx, req)
	x.share.Release()
	x.report(report)
	if err != nil {
		// The body is left to the garbage collector: a call that was cut short
		// may still be reading it.
		x.fail(err)
		return
	}
	if report.Attempts <= 1 { // see Core
		defer body.release()
	}
	x.meta(&resp.Meta)
	answer := resp.Body
	if base64 {
		if answer, err = encodeVectors(answer); err != nil {
			x.fail(err)
			return
		}
	}
	contentType := resp.ContentType
	if contentType == "" {
		contentType = "application/json"
	}
	x.write(http.StatusOK, contentType, answer)
}
