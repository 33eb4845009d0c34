package providertest

import (
	"errors"
	"fmt"
	"io"
	"strings"

	pb "github.com/backplane-dev/backplane/sdk/internal/providerpb"
	"github.com/backplane-dev/backplane/sdk/internal/wire"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// transcript is what a stream sent, event by event, below the SDK's client.
type transcript struct {
	kinds  []string // "started", "data", "usage", "heartbeat", "finished"
	meta   *provider.Meta
	chunks [][]byte
	finish *provider.Finish
	usage  *provider.Usage
}

// collect reads a stream to its end. The error is the stream's own, as the host
// would see it, or says that the stream was cut off.
func collect(stream events) (*transcript, error) {
	t := &transcript{}
	for {
		event, err := stream.Recv()
		switch {
		case err == nil:
			t.add(event)
		case !errors.Is(err, io.EOF):
			return t, callError(stream.Context(), err)
		case t.finish == nil:
			return t, fmt.Errorf("the stream ended without the event finished; it sent %s", t)
		default:
			return t, nil
		}
	}
}

func (t *transcript) add(event *pb.StreamResponse) {
	switch e := event.GetEvent().(type) {
	case *pb.StreamResponse_Started:
		t.kinds = append(t.kinds, "started")
		t.meta = wire.FromMeta(e.Started.GetMeta())
	case *pb.StreamResponse_Data:
		t.kinds = append(t.kinds, "data")
		t.chunks = append(t.chunks, e.Data.GetChunks()...)
	case *pb.StreamResponse_Usage:
		t.kinds = append(t.kinds, "usage")
		t.usage = wire.FromUsage(e.Usage)
	case *pb.StreamResponse_Heartbeat:
		t.kinds = append(t.kinds, "heartbeat")
	case *pb.StreamResponse_Finished:
		t.kinds = append(t.kinds, "finished")
		t.finish = wire.FromFinish(e.Finished)
	}
}

// String lists the events, runs of the same kind as one.
func (t *transcript) String() string {
	if len(t.kinds) == 0 {
		return "no event"
	}
	var parts []string
	for i := 0; i < len(t.kinds); {
		n := 1
		for i+n < len(t.kinds) && t.kinds[i+n] == t.kinds[i] {
			n++
		}
		part := t.kinds[i]
		if n > 1 {
			part += fmt.Sprintf(" (%d times)", n)
		}
		parts = append(parts, part)
		i += n
	}
	return strings.Join(parts, ", ")
}

// count is the number of events of a kind.
func (t *transcript) count(kind string) int {
	n := 0
	for _, k := range t.kinds {
		if k == kind {
			n++
		}
	}
	return n
}
