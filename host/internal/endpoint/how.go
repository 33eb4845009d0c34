package endpoint

import "time"

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
	// is then not waited out: the failure goes back at once.
	Elsewhere bool
	// Running, if not nil, is told true when an attempt begins its call to the
	// plugin and false when that has failed. It is called in the request's own
	// goroutine, and must be quick.
	Running func(bool)
	// Upload, if not nil, is the upload of a transfer that several endpoints may
	// be asked for, so that each knows what the others have read of it.
	Upload *Upload
}
