package session_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	pb "github.com/backplane-dev/backplane/sdk/internal/providerpb"
	"github.com/backplane-dev/backplane/sdk/internal/session"
	"github.com/backplane-dev/backplane/sdk/provider"
)

func eventFrame(id uint64, e *pb.StreamResponse) *pb.ResponseFrame {
	_, ends := e.GetEvent().(*pb.StreamResponse_Finished)
	return &pb.ResponseFrame{Id: id, End: ends, Frame: &pb.ResponseFrame_Event{Event: e}}
}

// TestMemoryOfChunksIsNotMixedUp: what one stream has read is used again for
// others, while a third holds what it is reading.
func TestMemoryOfChunksIsNotMixedUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, c := onPipe(t)
		const streams, rounds = 3, 20
		sizes := []int{1, 0, 180, 8<<10 - 1, 8 << 10, 8<<10 + 1, 3, 20 << 10, 5000, 5000, 5000}
		var open [streams]provider.EventStream
		for i := range open {
			stream, err := c.Stream(t.Context(), chat(nil))
			if err != nil {
				t.Fatal(err)
			}
			defer stream.Close()
			open[i] = stream
			p.respond(t, eventFrame(uint64(i+1), &pb.StreamResponse{Event: &pb.StreamResponse_Started{Started: &pb.Started{}}}))
			if _, err := stream.Next(); err != nil {
				t.Fatal(err)
			}
		}
		var held [streams]provider.Event
		var want [streams][][]byte
		for round := range rounds {
			i := round * 2 % streams
			held[i], want[i] = provider.Event{}, nil // the following Next ends them
			for n, size := range sizes {
				want[i] = append(want[i], bytes.Repeat([]byte{byte(round*len(sizes) + n)}, size))
			}
			for _, part := range [][][]byte{want[i][:4], want[i][4:]} {
				p.respond(t, eventFrame(uint64(i+1), &pb.StreamResponse{Event: &pb.StreamResponse_Data{Data: &pb.Data{Chunks: part}}}))
			}
			synctest.Wait()
			e, err := open[i].Next()
			if err != nil {
				t.Fatal(err)
			}
			held[i] = e
			for i, e := range held {
				if len(e.Chunks) != len(want[i]) {
					t.Fatalf("round %d: stream %d gave %d chunks, want %d", round, i, len(e.Chunks), len(want[i]))
				}
				for n, c := range e.Chunks {
					if !bytes.Equal(c, want[i][n]) || c == nil || cap(c) != len(c) {
						t.Fatalf("round %d: chunk %d of stream %d has not its bytes", round, n, i)
					}
				}
			}
		}
	})
}

// TestASecondStartIsNotKept: a plugin that does not keep to the order of events
// cannot make the host hold all that they say.
func TestASecondStartIsNotKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, c := onPipe(t)
		stream, err := c.Stream(t.Context(), chat(nil))
		if err != nil {
			t.Fatal(err)
		}
		defer stream.Close()
		started := func(model string) *pb.ResponseFrame {
			return eventFrame(1, &pb.StreamResponse{Event: &pb.StreamResponse_Started{
				Started: &pb.Started{Meta: &pb.Meta{Model: model}}}})
		}
		p.respond(t, started("first"), started(strings.Repeat("m", 1<<20)))
		synctest.Wait()
		if n := session.Kept(stream); n != 1 {
			t.Errorf("the texts of %d events are kept", n)
		}
		if e, err := stream.Next(); err != nil || e.Meta.Model != "first" {
			t.Errorf("first: %v, %v", e, err)
		}
		if _, err := stream.Next(); err == nil || errors.Is(err, io.EOF) || !strings.Contains(err.Error(), "second started") {
			t.Errorf("second: %v", err)
		}
	})
}

func TestAStockKeepsWhatIsUsed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var s session.Stock
		if n := s.Get(); n != -1 {
			t.Fatalf("an empty one gave %d", n)
		}
		for n := range 10 {
			s.Put(n)
		}
		second := func() {
			time.Sleep(time.Second)
			synctest.Wait()
		}
		second() // it was empty within this second
		for n := 9; n > 5; n-- {
			if got := s.Get(); got != n {
				t.Fatalf("got %d, want %d", got, n)
			}
		}
		for range 4 {
			s.Put(100)
		}
		if second(); s.Len() != 4 {
			t.Errorf("4 were used, %d are left", s.Len())
		}
		if second(); s.Len() != 0 {
			t.Errorf("none was used, %d are left", s.Len())
		}
		s.Put(1)
		if n := s.Get(); n != 1 {
			t.Errorf("got %d after the end", n)
		}
		for range 5000 {
			s.Put(0)
		}
		if s.Len() != 2048 {
			t.Errorf("%d are kept", s.Len())
		}
	})
}
