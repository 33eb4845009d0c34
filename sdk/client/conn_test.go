package client_test

import (
	"context"
	"errors"
	"io"
	"testing"

	"github.com/backplane-dev/backplane/sdk/provider"
)

func TestCallAndStreamCarryBodiesUntouched(t *testing.T) {
	t.Parallel()
	type both struct {
		caller
		streamer
	}
	conn := opened(t, both{
		func(_ context.Context, req *provider.Request) (*provider.Response, error) {
			return &provider.Response{Body: req.Body}, nil
		},
		func(_ context.Context, _ *provider.Request, out provider.Sink) (provider.Finish, error) {
			return provider.Finish{Reason: "stop"}, out.Send([]byte("a"), []byte("b"))
		},
	})
	req := chatRequest()
	res, err := conn.Call(t.Context(), req)
	if err != nil || string(res.Body) != string(req.Body) {
		t.Fatalf("call: %v, %v", res, err)
	}
	stream, err := conn.Stream(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	var kinds []provider.EventKind
	for {
		e, err := stream.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		kinds = append(kinds, e.Kind)
	}
	if len(kinds) != 3 || kinds[1] != provider.EventData {
		t.Errorf("got events %v", kinds)
	}
}
