package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/backplane-dev/backplane/sdk/rest"
)

// isEventStream reports whether the host answers with server-sent events.
func isEventStream(resp *http.Response) bool {
	kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	return err == nil && strings.EqualFold(kind, "text/event-stream")
}

// eachEvent calls each with the data of every event until the stream ends. An
// error inside the stream is an error, and so is an end without [DONE], but for
// streams whose events have names: those have an end of their own.
func eachEvent(ctx context.Context, body io.Reader, each func(data []byte) error) error {
	events := rest.NewEventReader(body, 0)
	named := false
	for {
		batch, err := events.Next()
		if named && errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return streamError(ctx, err)
		}
		for _, e := range batch {
			named = named || e.Type != ""
			switch {
			case e.Cut:
				return streamError(ctx, io.EOF)
			case e.Done():
				return nil
			}
			if failure := parseHostError(0, e.Data); failure.Type != "" {
				return &codedError{exitRefused, failure}
			}
			if err := each(e.Data); err != nil {
				return err
			}
		}
	}
}

// streamError says why a stream ended before its end.
func streamError(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return &codedError{exitInterrupted, errors.New("interrupted")}
	case errors.Is(err, io.EOF):
		return &codedError{exitRefused, errors.New("the answer was cut off: the host closed the stream before its end")}
	default:
		return &codedError{exitRefused, fmt.Errorf("the answer was cut off: %w", err)}
	}
}
