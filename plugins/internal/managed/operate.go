package managed

import (
	"context"
	"encoding/json"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// asked is the body of the operations; none of its fields is required.
type asked struct {
	// Wait makes server.start and server.restart wait until the server is ready.
	Wait bool `json:"wait"`
	// Lines is the number of lines of server.logs.
	Lines *int `json:"lines"`
}

// usualLines are returned by server.logs unless it is told otherwise.
const usualLines = 100

func readAsked(body []byte) (asked, error) {
	var a asked
	if len(body) == 0 {
		return a, nil
	}
	if err := json.Unmarshal(body, &a); err != nil {
		return a, invalid("", `the body must be an object; "wait" in it true or false, "lines" a number`)
	}
	if a.Lines != nil && (*a.Lines < 1 || *a.Lines > ringLines) {
		return a, invalid("lines", `field "lines" must be from 1 to %d`, ringLines)
	}
	return a, nil
}

func invalid(param, format string, args ...any) error {
	e := provider.Errorf(provider.CodeInvalidRequest, format, args...)
	e.Param, e.Source = param, provider.SourceCaller
	return e
}

// operate answers the operations about the server; ours is false for all others.
func (e *endpoint) operate(ctx context.Context, req *provider.Request) (out *provider.Response, err error, ours bool) { //nolint:revive // the error belongs to the answer
	switch req.Operation {
	case OpStart, OpRestart, OpStop, OpStatus, OpLogs:
	default:
		return nil, nil, false
	}
	a, err := readAsked(req.Body)
	if err != nil {
		return nil, err, true
	}
	switch req.Operation {
	case OpLogs:
		out, err = e.logs(ctx, a)
		return out, err, true
	case OpStop:
		err = e.server.stop(ctx)
	case OpStart, OpRestart:
		err = e.begin(ctx, req.Operation)
		for more := a.Wait && err == nil; more && err == nil; {
			more, err = e.server.await(ctx)
		}
	}
	if err != nil {
		return nil, err, true
	}
	return &provider.Response{Body: encode(e.server.status(ctx))}, nil, true
}

// begin starts the server, and stops it before if it is to be restarted.
func (e *endpoint) begin(ctx context.Context, operation string) error {
	if operation == OpRestart {
		if err := e.server.stop(ctx); err != nil {
			return err
		}
	}
	return e.server.start(ctx)
}

func (e *endpoint) logs(ctx context.Context, a asked) (*provider.Response, error) {
	n := usualLines
	if a.Lines != nil {
		n = *a.Lines
	}
	lines, err := e.server.logs(ctx, n)
	if err != nil {
		return nil, err
	}
	if lines == nil {
		lines = []string{}
	}
	return &provider.Response{Body: encode(said{lines})}, nil
}

// followPace is the shortest time between two chunks about the start.
const followPace = 100 * time.Millisecond

// follow starts the server and sends its status whenever that changes, until it
// is ready or has failed.
func (e *endpoint) follow(ctx context.Context, req *provider.Request, out provider.Sink) (provider.Finish, error) {
	if _, err := readAsked(req.Body); err != nil {
		return provider.Finish{}, err
	}
	if err := e.begin(ctx, req.Operation); err != nil {
		return provider.Finish{}, err
	}
	for more := true; more; {
		var err error
		if err = out.Send(encode(e.server.status(ctx))); err != nil {
			return provider.Finish{}, err
		}
		if more, err = e.server.await(ctx); err != nil {
			return provider.Finish{}, err
		}
		if err = sleep(ctx, followPace); err != nil {
			return provider.Finish{}, ctx.Err()
		}
	}
	return provider.Finish{}, out.Send(encode(e.server.status(ctx)))
}
