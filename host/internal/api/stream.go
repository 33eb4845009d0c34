package api

import (
	"errors"
	"io"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// stream answers a request of mode "stream" with server-sent events. body holds
// the request's body and is released.
func (x *exchange) stream(req *provider.Request, d *dialect, body *buffer) {
	ctx, lift, done := limitUntilBegun(x.ctx, x.timeout)
	defer done()
	events, report, err := x.core.Stream(ctx, req)
	lift()
	req.Body = nil // it must not stay in memory for as long as the stream lasts
	x.share.Release()
	x.report(report)
	if err != nil {
		// The body is left to the garbage collector: a call that was cut short
		// may still be reading it.
		x.fail(err)
		return
	}
	if report.Attempts <= 1 { // see Core
		body.release()
	}
	defer events.Close()
	out := newSSE(x, d, events.Close)
	defer out.close()
	if err := x.pump(events, out); err != nil {
		if x.r.Context().Err() != nil {
			return // nobody is there to be told
		}
		out.fail(err)
	}
}

// pump copies events to the caller until the stream ends. The error is the
// stream's; failures to write end it silently, as the caller is gone.
func (x *exchange) pump(events provider.EventStream, out *sse) error {
	for {
		event, err := events.Next()
		if errors.Is(err, io.EOF) {
			err = &provider.Error{Code: provider.CodeProtocol, Source: provider.SourcePlugin, Message: "the stream broke off before its end"}
		}
		if err != nil {
			return err
		}
		switch event.Kind {
		case provider.EventStarted:
			if event.Meta != nil && !x.began {
				x.meta(event.Meta)
			}
		case provider.EventData:
			if out.send(event.Chunks) != nil {
				return nil
			}
		case provider.EventFinished:
			out.finish()
			return nil
		}
	}
}
