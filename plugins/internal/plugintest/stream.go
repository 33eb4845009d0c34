package plugintest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"

	"github.com/backplane-dev/backplane/sdk/client"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// Streamed is what came of a stream.
type Streamed struct {
	Meta   provider.Meta
	Chunks []string
	Usage  *provider.Usage // the last that was reported before the end
	Finish provider.Finish
}

// Stream calls an operation as a stream and reads it to its end.
func Stream(t testing.TB, conn *client.Conn, req *provider.Request) (Streamed, error) {
	t.Helper()
	return StreamUntil(t.Context(), conn, req, func(provider.Event) {})
}

// StreamUntil is [Stream] with a look at each event.
func StreamUntil(ctx context.Context, conn *client.Conn, req *provider.Request, each func(provider.Event)) (Streamed, error) {
	var got Streamed
	s, err := conn.Stream(ctx, req)
	if err != nil {
		return got, err
	}
	defer s.Close()
	for {
		ev, err := s.Next()
		if errors.Is(err, io.EOF) {
			return got, nil
		}
		if err != nil {
			return got, err
		}
		got.add(ev)
		each(ev)
	}
}

func (s *Streamed) add(ev provider.Event) {
	switch ev.Kind {
	case provider.EventStarted:
		s.Meta = *ev.Meta
	case provider.EventData:
		for _, c := range ev.Chunks {
			s.Chunks = append(s.Chunks, string(c))
		}
	case provider.EventUsage:
		s.Usage = ev.Usage
	case provider.EventFinished:
		s.Finish = *ev.Finish
	}
}

// Transferred is what came of a transfer.
type Transferred struct {
	Head   provider.TransferHead
	Body   []byte
	Finish *provider.Finish
}

// Transfer calls an operation as a transfer, with an upload unless data is nil.
func Transfer(t testing.TB, conn *client.Conn, req *provider.Request, data []byte, kind string) (Transferred, error) {
	t.Helper()
	return TransferUntil(t.Context(), conn, req, data, kind)
}

// TransferUntil is [Transfer] with a context.
func TransferUntil(ctx context.Context, conn *client.Conn, req *provider.Request, data []byte, kind string) (Transferred, error) {
	transfer := &provider.TransferRequest{Request: *req}
	if data != nil {
		transfer.Data, transfer.DataType, transfer.DataLength = bytes.NewReader(data), kind, int64(len(data))
	}
	resp, err := conn.Transfer(ctx, transfer)
	if err != nil {
		return Transferred{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	return Transferred{Head: resp.TransferHead, Body: body, Finish: resp.Finish}, err
}
