package endpoint

import (
	"errors"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// How says in which way an endpoint is to take a request. The zero How is the
// usual one: a request that has just arrived, and that only this endpoint can
// answer.
type How struct {
	// Hedge makes one attempt beside a slow one: it takes a slot only if one is
	// free at once, is not repeated, and is marked in the report.
	Hedge bool
	// Elapsed is the time that the request has spent at other endpoints. The
	// policy's timeout, which bounds the whole request, is shorter by it.
	Elapsed time.Duration
	// Elsewhere is true if another endpoint can take the request now. A rate limit
	// is then not waited out, whether the service refuses or the queue keeps to it:
	// the failure goes back at once.
	Elsewhere bool
	// Running, if not nil, is told true when an attempt begins its call to the
	// plugin and false when that has failed. It is called in the request's own
	// goroutine, and must be quick.
	Running func(bool)
	// Upload, if not nil, is the upload of a transfer that several endpoints may
	// be asked for, so that each knows what the others have read of it.
	Upload *Upload
}

// ErrOutrun is the cause with which to end the context of an attempt beside which
// another has answered. That says nothing against the service; the time that the
// attempt had counts among its times to the first token, as the least that it
// would have needed.
var ErrOutrun = errors.New("another attempt of the request answered first")

// errOutrun is the error of such an attempt.
func errOutrun() *provider.Error {
	return &provider.Error{
		Code: provider.CodeCanceled, Source: provider.SourceHost, Cause: ErrOutrun, Message: ErrOutrun.Error(),
	}
}

// running tells who wants to know that an attempt runs, or not any more.
func (h *How) running(yes bool) {
	if h.Running != nil {
		h.Running(yes)
	}
}

// Upload is the upload of a transfer on its way from one endpoint to the next.
type Upload struct{ upload *upload }

// NewUpload returns nil for a transfer without data.
func NewUpload(req *provider.TransferRequest) *Upload {
	if u := newUpload(req); u != nil {
		return &Upload{u}
	}
	return nil
}

// Spent reports whether the data was read and cannot be read anew, so that no
// endpoint can send it any more. A nil upload is never spent.
func (u *Upload) Spent() bool { return u != nil && u.upload.spent() }

// uploadOf returns the transfer's upload, nil if it has none.
func (h *How) uploadOf(req *provider.TransferRequest) *upload {
	if h.Upload != nil {
		return h.Upload.upload
	}
	return newUpload(req)
}
